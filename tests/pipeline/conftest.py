"""Run Snakemake for real, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


class Pipeline:
    """A working folder in which a study is run with the repository's Snakefile."""

    def __init__(self, folder: Path, study: dict):
        self.folder = folder
        self.study = study
        self.results = folder / "results" / study["study"]
        self.environment = {
            **os.environ,
            "REGBENCH_LOCK": str(folder / "machine.lock"),
            "PYTHONPATH": str(Path(__file__).parent / "broken_methods"),
        }

    def command(self, *arguments: str) -> list[str]:
        path = self.folder / "study.yaml"
        path.write_text(yaml.safe_dump(self.study))
        tool = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        return [*tool, "--directory", str(self.folder), "--configfile", str(path), "--cores", "2", *arguments]

    def snakemake(self, *arguments: str, ok: bool = True) -> str:
        """Run Snakemake to its end; what it printed. Fails the test when it fails and `ok` is true."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=1700,
        )
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, said[-6000:]
        return said

    def planned(self, *arguments: str) -> set[str]:
        """Names of the rules that a dry run would run."""
        said = self.snakemake("-n", "--quiet", "host", *arguments)
        return {
            line.split()[-1].rstrip(":")
            for line in said.splitlines()
            if line.startswith(("rule ", "localrule "))
        }


def smoke_study() -> dict:
    return yaml.safe_load((ROOT / "workflow" / "studies" / "smoke.yaml").read_text())


def coarse_study() -> dict:
    """The smoke study on as coarse a grid as a head is still one, for tests of the pipeline and not of methods."""
    study = smoke_study()
    study["datasets"]["phantom"] |= {"spacing": 6.0, "field_spacing": 6.0}
    for task in study["tasks"].values():
        task["grid"] = {"spacing": [8, 8, 8], "shape": [24, 24, 24]}
    return study


@pytest.fixture(scope="session")
def smoke(tmp_path_factory) -> Pipeline:
    """The smoke study, run once, with two methods of one's own as `regbench new-method` writes them."""
    pipeline = Pipeline(tmp_path_factory.mktemp("smoke"), smoke_study())
    methods = pipeline.folder / "my_methods"
    methods.mkdir()
    for name, kind in (("mine", "--command"), ("my_class", "--python")):
        command = [sys.executable, "-m", "regbench", "new-method", name, kind, "--folder", str(methods)]
        subprocess.run(command, check=True, cwd=ROOT)
    pipeline.study["method_folders"] = [str(methods)]
    pipeline.snakemake()
    return pipeline
