"""Two studies at once on one machine, each with a Snakemake of its own: their timed runs are alone nonetheless."""

import subprocess
from pathlib import Path

import pytest

from regbench.tables.frames import read_table
from tests.pipeline.conftest import Pipeline
from tests.prepared.phantoms import transform_of, write_head
from tests.runs.stamping import overlapping, spans

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(900)]


def pipeline(folder: Path) -> Pipeline:
    """A study of two heads and one method, which leaves the span of each of its calls in the folder above."""
    folder.mkdir()
    lines = ["subject,contrast,image,split"]
    for number in range(2):
        write_head(folder, f"s{number}", transform_of(shift=(3 * number, 0, 0)), spacing=(5, 5, 5))
        lines.append(f"s{number},T1w,s{number}_T1w.nii.gz,test")
    (folder / "scans.csv").write_text("\n".join(lines) + "\n")
    study = {
        "study": folder.name,
        "description": "timed runs beside another study's",
        "threads": 1,
        "batches": 1,
        "datasets": {"heads": {"type": "manifest", "path": "scans.csv"}},
        "tasks": {
            "mono": {
                "table": 1,
                "dataset": "heads",
                "grid": {"spacing": [6, 6, 6], "shape": [20, 20, 20]},
                "prepare": {"affine": {"mode": "none"}},
                "methods": ["stamps"],
            }
        },
        "method_folders": [str(Path(__file__).with_name("stamped"))],
        "timing": {"devices": ["cpu"], "repetitions": 1},
        "scores": {"bootstrap": 100},
    }
    made = Pipeline(folder, study)
    made.environment |= {"STAMPS": str(folder.parent), "REGBENCH_LOCK": str(folder.parent / "lock")}
    return made


def test_timed_runs_of_two_snakemakes_are_alone(tmp_path):
    studies = [pipeline(tmp_path / name) for name in ("one", "two")]
    started = [
        subprocess.Popen(
            each.command(), env=each.environment, cwd=each.folder, stderr=subprocess.PIPE, text=True
        )
        for each in studies
    ]
    for process in started:
        _, said = process.communicate(timeout=800)
        assert process.returncode == 0, said[-6000:]
    timed, accuracy = spans(tmp_path)
    assert (len(timed), len(accuracy)) == (4, 4)
    assert not overlapping(timed, accuracy)
    for each in studies:
        (row,) = read_table(each.results / "tables" / "times.csv").to_dict("records")
        assert (row["method"], row["pairs"], row["calls"]) == ("stamps", "2", "2")
        assert float(row["setup_seconds"]) > 0
        assert (each.results / "tables" / "speed.md").is_file()
