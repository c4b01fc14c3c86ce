"""The estimate of the smoke study, before it and after it, beside what its records say it took."""

import json
import subprocess
import sys

import pytest

from regbench.records import read_record
from tests.pipeline.conftest import ROOT, Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]


def spent(smoke: Pipeline) -> dict[str, float]:
    """Hours of registrations and trainings by the records themselves."""
    runs = [read_record(path) for path in smoke.results.glob("runs/*/*/*/*/*__*.json")]
    calls = [call for run in runs for call in run["calls"]]
    models = [read_record(path)["seconds"] for path in smoke.results.glob("models/*/*/*/r*/record.json")]
    return {
        "runs": sum(seconds for call in calls for phase, seconds in call.items() if phase != "call") / 3600,
        "models": sum(models) / 3600,
    }


@pytest.mark.parametrize(("results", "factor"), [("results", 2.0), ("nothing", 5.0)])
def test_the_smoke_study_took_about_what_is_estimated(smoke, results, factor):
    command = [
        sys.executable,
        "-m",
        "regbench",
        "estimate",
        str(ROOT / "workflow" / "studies" / "smoke.yaml"),
    ]
    done = subprocess.run(
        [*command, "--results", str(smoke.folder / results), "--json"],
        capture_output=True, text=True, cwd=ROOT, env={**smoke.environment, "PYTHONPATH": str(ROOT)}, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert not found["warnings"]
    for stage, hours in spent(smoke).items():
        lines = [line for line in found["lines"] if line["stage"] == stage]
        starts = sum(line["jobs"] for line in lines) * found["job_seconds"] / 3600
        estimated = sum(line["hours"] for line in lines) - starts
        assert hours / factor < estimated < hours * factor
