"""After a SIGKILL at any moment the same command goes on, and no finished pair is lost or done again."""

import os
import signal
import subprocess
import time

import pandas as pd
import pytest

from tests.pipeline.conftest import Pipeline, coarse_study

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]

MOMENTS = [
    "data/phantom/*.json",
    "prepared/mono/subjects/*.json",
    "models/mono/dmi/**/checkpoint.pt",
    "runs/mono/syn/*/r*/*__*.json",
]


def test_killed_at_several_moments_it_goes_on_and_keeps_what_was_finished(tmp_path):
    study = coarse_study()
    study["study"] = "killed"
    study["tasks"] = {"mono": {**study["tasks"]["mono"], "methods": ["identity", "syn", "dmi"]}}
    study["methods"] = {
        "dmi": {"variants": {"default": {"steps": 60, "epochs": None, "checkpoint_seconds": 0}}}
    }
    study["timing"] = {"repetitions": 1, "devices": []}
    study["datasets"]["phantom"]["subjects"]["test"] = 3
    study["batches"] = 1
    pipeline = Pipeline(tmp_path, study)
    for moment in MOMENTS:
        _kill_when(pipeline, moment)
    finished = {path: path.stat().st_mtime_ns for path in pipeline.results.glob("runs/**/*__*.json")}
    assert finished
    pipeline.snakemake()
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    scores = pd.read_csv(pipeline.results / "scores.csv")
    assert set(scores.status) == {"ok"}
    assert "Nothing to be done" in pipeline.snakemake()


def _kill_when(pipeline: Pipeline, pattern: str) -> None:
    """Start Snakemake and kill it, and it alone, as soon as a file of that pattern is there."""
    process = subprocess.Popen(
        pipeline.command(), env=pipeline.environment, cwd=pipeline.folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 900
    while not list(pipeline.results.glob(pattern)):
        assert process.poll() is None, f"ended before there was a {pattern}"
        assert time.monotonic() < deadline, f"no {pattern}"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
