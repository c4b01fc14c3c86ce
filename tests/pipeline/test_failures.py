"""Failure is data: whatever a method does to one pair, its row says so and everything else completes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from tests.check.world import World
from tests.pipeline.conftest import ROOT, Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]

METHODS = Path(__file__).parent / "broken_methods"
EXPECTED = {  # status of the pair of s5 and s6, and what its record says
    "crashes": ("error", "RuntimeError: a crash on purpose"),
    "segfaults": ("error", "SIGSEGV"),
    "exits": ("error", "exit status 3"),
    "kills_parent": ("error", "the process that watches over the method was killed"),
    "closes_all": ("error", "exit status 1"),
    "hangs": ("timeout", "within the limit of 10 s"),
    "ignores_term": ("timeout", "within the limit of 10 s"),
    "hoards": ("oom", "the limit is 1536 MB"),
    "killed": ("oom", "SIGKILL"),
    "not_finite": ("invalid", "NaN"),
    "wrong_shape": ("invalid", "expected an array of floats (3, 12, 12, 12)"),
    "wrong_grid": ("invalid", "not that of the fixed image"),
    "writes_nothing": ("invalid", "wrote no field"),
    "writes_elsewhere": ("invalid", "it left result.nii.gz"),
    "cut_short": ("invalid", "cannot be read"),
    "closes_streams": ("ok", ""),
    "closes_its_output": ("ok", ""),
    "floods": ("ok", ""),
    "leaves_daemon": ("ok", ""),
    "identity": ("ok", ""),
}


def tiny(folder: Path, name: str, methods: list[str]) -> Pipeline:
    """Three pairs of 12 x 12 x 12 voxels, the second of which is s5 and s6."""
    world = World(folder)
    for row in world.rows:
        row["split"] = "test" if row["subject"] == "s4" else row["split"]
    world.study["tasks"]["mono"] |= {
        "methods": methods,
        "pairs": {"test": 3, "timed": 2},
        "prepare": {"affine": {"mode": "none"}},
    }
    limits = {"run_seconds": 10, "memory_gb": 1.5}
    timing = {"repetitions": 1, "devices": ["cpu"]}
    world.study |= {
        "study": name,
        "batches": 1,
        "method_folders": [str(METHODS)],
        "limits": limits,
        "timing": timing,
    }
    world.study["scores"] = {"bootstrap": 100}
    world.write()
    return Pipeline(folder, world.study)


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> Pipeline:
    pipeline = tiny(tmp_path_factory.mktemp("broken"), "broken", list(EXPECTED))
    pipeline.snakemake()
    return pipeline


def runs(pipeline: Pipeline, method: str, batch: str = "r0_b0") -> dict[str, dict]:
    folder = pipeline.results / "runs" / "mono" / method / "default" / batch
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*__*.json")}


@pytest.mark.parametrize("method", EXPECTED)
def test_a_failing_method_ends_as_a_row_with_its_status_and_its_other_pairs_are_there(broken, method):
    status, message = EXPECTED[method]
    records = runs(broken, method)
    assert {pair: record["status"] for pair, record in records.items()} == {
        "s4__s5": "ok",
        "s5__s6": status,
        "s6__s5": "ok",
    }
    assert message in records["s5__s6"]["message"]
    scores = pd.read_csv(broken.results / "scores.csv")
    rows = scores[scores.method == method]
    bad = rows[rows.moving == "s6"]
    assert set(bad.status) == {status}
    assert bad.value.notna().any() == (status == "ok")
    good = rows[(rows.moving != "s6") & rows.label.isna()]
    assert set(good.status) == {"ok"}
    assert len(good) == 2 * len(bad[bad.label.isna()])


@pytest.mark.parametrize("method", [method for method, (status, _) in EXPECTED.items() if status != "ok"])
def test_the_table_counts_the_failure(broken, method):
    table = pd.read_csv(broken.results / "tables" / "table1.csv")
    (row,) = table[table.method == method].to_dict("records")
    assert row["failures"] == f"{EXPECTED[method][0]} 1"
    assert row["n"] == 2


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("exits", "reason given"),
        ("crashes", "RuntimeError: a crash on purpose"),
        ("floods", "the last line"),
        ("hangs", "child"),
    ],
)
def test_the_last_lines_of_a_method_are_kept(broken, method, line):
    assert any(line in said for said in runs(broken, method)["s5__s6"]["log_tail"])


def test_a_flooded_log_is_bounded(broken):
    log = broken.results / "runs" / "mono" / "floods" / "default" / "r0_b0" / "output.log"
    assert 2**20 <= log.stat().st_size < 2**20 + 4096


@pytest.mark.parametrize("method", ["hangs", "leaves_daemon"])
def test_nothing_that_a_method_started_outlives_its_pair(broken, method):
    said = "\n".join(runs(broken, method)["s5__s6"]["log_tail"])
    children = re.findall(r"child (\d+)", said)
    assert children
    for child in children:
        command = Path(f"/proc/{child}/cmdline")
        assert not command.exists() or b"sleep" not in command.read_bytes()


def test_nothing_is_left_in_the_folder_of_the_study_nor_half_written(broken):
    own = [
        name
        for name in os.listdir(broken.folder)
        if not re.match(r"s\d_|scans.csv|study.yaml|machine.lock", name)
    ]
    assert sorted(own) == [".snakemake", "results"]
    assert not [path for path in broken.results.rglob(".*") if path.is_file()]


@pytest.fixture(scope="module")
def mended(tmp_path_factory) -> SimpleNamespace:
    """A study that first stops at a failure, then records all there are, and is retried once all is well."""
    methods = ["identity", "needs_file", "cannot_train"]
    pipeline = tiny(tmp_path_factory.mktemp("mended"), "mended", methods)
    seen = SimpleNamespace(results=pipeline.results)
    seen.stopped = pipeline.snakemake("--config", "on_failure=stop", ok=False)
    seen.said_go_on = pipeline.snakemake()
    seen.failed = outcomes(pipeline.results)
    seen.identity = runs(pipeline, "identity")
    seen.planned = pipeline.planned("--config", "on_failure=stop")
    (pipeline.folder / "mended").touch()
    seen.retried = regbench("retry", pipeline.results).stdout
    pipeline.snakemake()
    seen.identity_after = runs(pipeline, "identity")
    return seen


def regbench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "regbench", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def outcomes(results: Path) -> dict[str, dict[str, set[str]]]:
    """Statuses by method: of pairs, and of timed runs and trainings."""
    tables = {name: pd.read_csv(results / f"{name}.csv") for name in ("scores", "timings")}
    return {
        name: {m: set(rows.status) for m, rows in table.groupby("method")} for name, table in tables.items()
    }


def test_a_study_that_is_to_stop_tells_the_failure_in_the_terminal_and_starts_nothing_after_it(mended):
    ended = r"(training mono/cannot_train/default|mono/needs_file/default, pair s4__s5) ended as error: "
    assert re.search(
        ended + r"(RuntimeError: no network on purpose|FileNotFoundError: mended)", mended.stopped
    )
    assert "Traceback" in mended.stopped
    assert "its log is" in mended.stopped
    assert "going on with independent jobs" not in mended.stopped  # as the profile would have it


def test_the_same_command_goes_on_and_records_what_failed_and_what_depends_on_it(mended):
    assert mended.failed == {
        "scores": {"identity": {"ok"}, "needs_file": {"error"}, "cannot_train": {"skipped"}},
        "timings": {"needs_file": {"error"}, "cannot_train": {"skipped", "error"}},
    }


def test_whether_to_stop_reruns_nothing(mended):
    assert not mended.planned


def test_what_failed_and_is_retried_replaces_its_rows_and_those_that_were_skipped_for_it(mended):
    assert outcomes(mended.results) == {
        "scores": {"identity": {"ok"}, "needs_file": {"ok"}, "cannot_train": {"ok"}},
        "timings": {"needs_file": {"ok"}, "cannot_train": {"ok"}},
    }
    table = pd.read_csv(mended.results / "tables" / "table1.csv")
    measured = table[table.block == "measured"]
    assert list(measured.n) == [3, 3, 3]
    assert not measured.failed.any()
    assert mended.identity_after == mended.identity


def test_retry_says_how_much_it_forgot(mended):
    assert "trainings: 1 will be done again" in mended.retried
    assert (
        "runs: 10 will be done again" in mended.retried
    )  # of two methods, three pairs, two of them timed too
    assert "scores: 2 will be done again" in mended.retried


def test_retry_refuses_a_status_that_there_is_not_and_a_folder_without_a_study(mended):
    done = regbench("retry", mended.results, "--status", "errors")
    assert done.returncode == 2
    assert "status errors: expected some of error, timeout, oom, invalid, skipped" in done.stderr
    assert "no results of a study" in regbench("retry", mended.results.parent).stderr


def test_to_stop_may_be_said_of_the_default_study_too(tmp_path):
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(tmp_path), "--config", "on_failure=never"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "on_failure" in done.stdout + done.stderr
    assert "'record' or 'stop'" in done.stdout + done.stderr
