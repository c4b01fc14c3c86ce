"""Two small studies through Snakemake, as two machines would run them, and what `regbench merge` makes of them."""

import copy
import os
import shutil
import subprocess
import sys

import pytest

from regbench.records import read_record, write_record
from regbench.tables.frames import read_table
from tests.pipeline.conftest import ROOT, Pipeline, coarse_study

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]


def study(variant: str, iterations: int) -> dict:
    made = copy.deepcopy(coarse_study())
    made["datasets"]["phantom"]["subjects"] = {"train": 1, "val": 0, "test": 2}
    mono = made["tasks"]["mono"] | {"methods": ["identity", "syn"]}
    methods = {"syn": {"variants": {variant: {"iterations": [iterations] * 3}}}}
    return {**made, "study": "small", "tasks": {"mono": mono}, "methods": methods}


def regbench(*arguments: object, cwd: object) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "regbench", *map(str, arguments)]
    return subprocess.run(command, cwd=str(cwd), env=environment, capture_output=True, text=True)


def test_two_real_studies_become_one_that_show_and_snakemake_know(tmp_path):
    first = Pipeline(tmp_path / "gpu", study("short", 2))
    first.folder.mkdir()
    first.snakemake()
    shutil.copytree(first.folder, tmp_path / "cpu")  # the other machine, with data and preparations made
    second = Pipeline(tmp_path / "cpu", study("long", 4))
    second.snakemake()
    folders = [first.results, second.results]
    merged = tmp_path / "results" / "joined"
    done = regbench("merge", *folders, "-o", merged, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accepted" not in done.stdout
    table = read_table(merged / "tables" / "table1.csv").set_index("variant")
    for folder, variant in zip(folders, ("short", "long"), strict=True):
        own = read_table(folder / "tables" / "table1.csv").set_index("variant")
        assert table.loc[variant, "dsc"] == own.loc[variant, "dsc"]
        assert table.loc[variant, "cpu_seconds"] == own.loc[variant, "cpu_seconds"]
    assert "SyN (short)" in regbench("show", merged, cwd=tmp_path).stdout
    joined = Pipeline(tmp_path, read_record(merged / "study.json"))
    assert "rule syn" not in joined.snakemake()
    page = (merged / "report.html").read_text()
    assert "The runs are in the studies that were merged" in page
    assert "figure-mono_accuracy" in page
    assert "<dt>1_small</dt><dd>host " in page
    assert "Nothing to be done" in joined.snakemake()
    (merged / "tables" / "table1.md").unlink()
    assert "rule syn" not in joined.snakemake()
    assert "SyN (long)" in (merged / "tables" / "table1.md").read_text()
    changed = read_record(folders[1] / "study.json")
    changed["tasks"]["mono"]["grid"]["spacing"] = [9, 9, 9]
    write_record(folders[1] / "study.json", changed)
    done = regbench("merge", "gpu/results/small", "cpu/results/small", "-o", merged, cwd=tmp_path)
    assert done.returncode == 2
    said = "tasks.mono.grid.spacing: [8.0, 8.0, 8.0] in gpu/results/small/study.json, [9.0, 9.0, 9.0] in cpu/"
    assert said in done.stderr
