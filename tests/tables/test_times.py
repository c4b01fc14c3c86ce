"""times.csv against numbers worked out by hand."""

import numpy as np
import pytest

from regbench.tables.frames import read_table
from regbench.tables.tables import write_tables
from tests.tables.example import (
    METHODS,
    calls,
    score_rows,
    study,
    timing_row,
    usual_scores,
    write_results,
)

OTHER = {"fixed": "s3", "moving": "s4"}


def written(tmp_path, timings: list[dict], tables: tuple[int, ...] = (1,)):
    scores = usual_scores("mono") + (usual_scores("multi") if 2 in tables else [])
    results = write_results(tmp_path / "tiny", scores, timings)
    write_tables(study(tables=tables), results, METHODS)
    return results / "tables"


def row(folder, **chosen) -> dict[str, str]:
    table = read_table(folder / "times.csv")
    for name, value in chosen.items():
        table = table[table[name] == value]
    (found,) = table.to_dict("records")
    return found


def numbers(found: dict, *names: str) -> list[float]:
    return [float(found[name]) if found[name] != "" else float("nan") for name in names]


def test_cold_and_steady_calls_and_phases_are_apart(tmp_path):
    timings = [
        timing_row("mono", "syn", 5.0, phase="setup", call="", cold=True),
        timing_row("mono", "syn", 7.0, phase="setup", call="", cold=True, **OTHER),
        *calls("mono", "syn", 90.0, 8.0, 10.0, peak_memory_mb=300),
        *calls("mono", "syn", 70.0, 12.0, 30.0, peak_memory_mb=400, **OTHER),
        *calls("mono", "syn", 9.0, 1.0, 2.0, phase="load"),
        *calls("mono", "syn", 0.5, 0.25, 0.25, phase="save"),
    ]
    found = row(written(tmp_path, timings), method="syn")
    assert numbers(found, "setup_seconds", "cold_seconds") == [6, 80]
    assert numbers(found, "load_seconds", "compute_seconds", "save_seconds") == [1.5, 11, 0.25]
    assert numbers(found, "steady_seconds", "pairs", "calls", "failed") == [11, 2, 4, 0]
    assert 8 <= float(found["steady_low"]) < 11 < float(found["steady_high"]) <= 30
    assert numbers(found, "threads", "peak_memory_mb") == [2, 400]
    assert np.isnan(numbers(found, "total_seconds", "peak_device_memory_mb")).all()


def test_a_command_has_a_total_and_no_phases(tmp_path):
    folder = written(tmp_path, calls("mono", "syn", 5.0, 3.0, kind="command", phase="total"))
    found = row(folder, method="syn")
    assert numbers(found, "cold_seconds", "steady_seconds", "total_seconds") == [5, 3, 3]
    assert (found["clock"], found["compute_seconds"], found["setup_seconds"]) == ("total", "", "")
    assert "3.00†" in (folder / "times.md").read_text()
    assert "† whole command" in (folder / "times.md").read_text()


def test_machines_and_devices_have_rows_of_their_own(tmp_path):
    timings = [
        *calls("mono", "dmi", 9.0, 8.0),
        *calls("mono", "dmi", 9.0, 4.0, host="other", cpu="New CPU"),
        *calls("mono", "dmi", 1.0, 0.5, device="cuda", peak_device_memory_mb=77),
        timing_row("mono", "dmi", 700.0, phase="train", call="", cold="", kind="training"),
        timing_row("mono", "dmi", 600.0, phase="train", call="", cold="", kind="training", repetition=1),
        timing_row(
            "mono", "dmi", 10.0, phase="train", call="", cold="", kind="training", host="other", threads=4
        ),
    ]
    folder = written(tmp_path, timings)
    here = row(folder, machine="Fast CPU, 2 threads (box)")
    assert numbers(here, "compute_seconds", "training_seconds", "training_seconds_all_seeds", "seeds") == [
        8, 650, 1300, 2,
    ]  # fmt: skip
    there = row(folder, machine="New CPU, 2 threads (other)")
    assert numbers(there, "compute_seconds", "training_seconds") == [4, 10]
    assert there["training_machine"] == "Fast CPU, 4 threads (other)"
    assert numbers(row(folder, device="cuda"), "compute_seconds", "peak_device_memory_mb") == [0.5, 77]


def test_failed_runs_are_counted_and_skipped_ones_were_not_measured(tmp_path):
    failed = timing_row("mono", "syn", "", status="timeout", phase="", call="", cold="", **OTHER)
    skipped = timing_row("mono", "syn", "", status="skipped", phase="", call="", cold="", device="cuda")
    folder = written(tmp_path, [*calls("mono", "syn", 9.0, 8.0), failed, skipped])
    assert numbers(row(folder, method="syn"), "steady_seconds", "failed", "pairs") == [8, 1, 1]
    assert "cuda" not in set(read_table(folder / "times.csv")["device"])


def test_a_task_without_timing_has_its_trainings_and_nothing_else(tmp_path):
    train = timing_row("mono", "dmi", 700.0, phase="train", call="", cold="", kind="training")
    found = row(written(tmp_path, [train], tables=(1, 2)), task="mono")
    assert (found["method"], found["device"], found["steady_seconds"]) == ("dmi", "", "")
    assert float(found["training_seconds"]) == 700


@pytest.mark.parametrize("kept", ["mono", "none"])
def test_nothing_timed_leaves_empty_tables(tmp_path, kept):
    scores = score_rows("mono", "syn", 0.5) if kept == "mono" else []
    results = write_results(tmp_path / "tiny", scores, [])
    write_tables(study(tables=(1,)), results, METHODS)
    for name in ("times", "speed"):
        assert read_table(results / "tables" / f"{name}.csv").empty
    assert "Nothing was timed" in (results / "tables/times.md").read_text()
    assert len(read_table(results / "tables/speed_accuracy.csv")) == (kept == "mono")
