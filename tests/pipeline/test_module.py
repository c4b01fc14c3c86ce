"""Another project's workflow uses regbench as a module: installed, not on PYTHONPATH, with its own methods and folder."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.pipeline.test_readme import README, copy_of_the_repository

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]

STUDY = {
    "study": "tiny",
    "description": "another project's",
    "threads": 1,
    "batches": 1,
    "method_folders": ["my_methods"],
    "datasets": {"phantom": {"type": "phantom", "spacing": 6.0, "subjects": {"train": 1, "val": 1, "test": 2}}},
    "tasks": {
        "mono": {
            "table": 1,
            "dataset": "phantom",
            "fixed": "T1w",
            "moving": "T1w",
            "grid": {"spacing": [8, 8, 8], "shape": [24, 24, 24]},
            "pairs": {"timed": 1},
            "methods": ["identity", "mine"],
        }
    },
    "scores": {"bootstrap": 100},
}  # fmt: skip
REPORT = """

rule report:
    default_target: True
    input:
        "results/tiny/tables/table1.md",
    output:
        "report.md",
    shell:
        "cp {input} {output}"
"""


class Project:
    """A folder with a Snakefile as README shows it, and a Python in which regbench is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder, folder / "site"
        self.python = folder / "venv" / "bin" / "python"
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.environment = environment | {"REGBENCH_LOCK": str(folder / "machine.lock")}
        source = folder / "source"
        source.mkdir()
        copy_of_the_repository(source)
        install = ["--no-deps", "--no-build-isolation", "--target", str(self.site), str(source)]
        self.run(sys.executable, "-m", "pip", "install", "--quiet", *install)
        self.run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
        (packages,) = (folder / "venv").glob("lib/python*/site-packages")
        # Regbench from there, its dependencies from here; a path added so brings no editable install with it.
        (packages / "found.pth").write_text(f"{self.site}\n{sysconfig.get_path('purelib')}\n")
        shutil.rmtree(source)

    def run(self, *command: str, ok: bool = True) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=1700
        )
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, said[-6000:]
        return said

    def snakemake(self, *arguments: str, ok: bool = True) -> str:
        return self.run(str(self.python), "-m", "snakemake", "--cores", "2", *arguments, ok=ok)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    made = Project(tmp_path_factory.mktemp("project"))
    (block,) = re.findall(
        r"^```\n(from regbench import SNAKEFILE\n.*?)^```$", README, re.DOTALL | re.MULTILINE
    )
    (made.folder / "Snakefile").write_text(block + REPORT)
    (made.folder / "config.yaml").write_text(yaml.safe_dump({"regbench": STUDY}))
    (made.folder / "my_methods").mkdir()
    made.run(str(made.python), "-m", "regbench", "new-method", "mine", "--command", "--folder", "my_methods")
    return made


def test_the_installed_package_holds_the_workflow(project):
    said = project.run(str(project.python), "-m", "regbench", "list", "studies")
    assert "workflow/studies/smoke.yaml" in said
    assert (project.site / "regbench" / "pipeline" / "workflow" / "methods" / "syn.smk").is_file()


def test_a_forgotten_onstart_is_told(project):
    snakefile = project.folder / "Snakefile"
    whole = snakefile.read_text()
    snakefile.write_text(re.sub(r"onstart:\n.*\n", "", whole))
    said = project.snakemake("--show-failed-logs", ok=False)
    snakefile.write_text(whole)
    assert "`onstart: regbench.onstart()`" in said


def test_its_own_method_comes_to_its_row_in_its_own_folder(project):
    project.snakemake()
    table = (project.folder / "report.md").read_text()
    for label in ("Affine", "Mine"):
        assert re.search(rf"^\| {label} .*\| +2 \| +0 \|$", table, re.MULTILINE), table
    assert "Nothing to be done" in project.snakemake()


def test_a_wrong_study_stops_it_before_any_job(project):
    method = project.folder / "my_methods" / "mine.smk"
    whole = method.read_text()
    method.write_text(whole.replace("label=", 'venv="gone", label='))
    said = project.snakemake(ok=False)
    method.write_text(whole)
    assert "method mine cannot run in its venv gone" in said
    assert "nothing was run" in said
