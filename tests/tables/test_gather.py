import pandas as pd
import pytest

from regbench.records import write_record
from regbench.tables.frames import read_table
from regbench.tables.gather import SCORES, TIMINGS, gather_scores, gather_timings
from tests.tables.example import score_rows, write_timed_batch

PLACE = {"host": "box", "cpu": "Fast CPU", "gpu": None, "driver": None, "commit": "abc", "clean": True}
RUN = {
    "pair": "007__NA", "task": "mono", "fixed": "007", "moving": "NA", "method": "syn", "variant": "default",
    "repetition": 0, "status": "ok", "kind": "python", "threads": 2, "device": "cpu", "peak_memory_mb": 812.5,
    "peak_device_memory_mb": None, "setup_seconds": 3.5, "environment": {**PLACE, "libraries": {"numpy": "2.3.5", "torch": None}},
    "calls": [
        {"call": 0, "load": 0.5, "compute": 9.0, "save": 0.25},
        {"call": 1, "load": 0.5, "compute": 8.0, "save": 0.25},
    ],
}  # fmt: skip


def test_score_files_join_with_names_kept_as_text(tmp_path):
    for name, method in (("a", "syn"), ("b", "dmi")):
        pd.DataFrame(score_rows("mono", method, 0.5)).to_csv(tmp_path / f"{name}.csv", index=False)
    empty = pd.DataFrame(columns=SCORES)
    empty.to_csv(tmp_path / "empty.csv", index=False)
    gather_scores((tmp_path / f"{name}.csv" for name in ("a", "empty", "b")), tmp_path / "scores.csv")
    found = read_table(tmp_path / "scores.csv")
    assert list(found.columns) == SCORES
    assert list(found["method"].unique()) == ["syn", "dmi"]
    assert {"007", "NA"} < set(found["fixed"])
    assert found["label"].dropna().unique().tolist() == [4]
    assert ",4," in (tmp_path / "scores.csv").read_text()


def test_a_score_file_of_another_form_is_refused_by_name(tmp_path):
    (tmp_path / "old.csv").write_text("task,value\nmono,1\n")
    with pytest.raises(ValueError, match=r"old\.csv: expected the columns task,fixed"):
        gather_scores([tmp_path / "old.csv"], tmp_path / "scores.csv")


def test_a_timed_run_is_a_row_for_each_phase_of_each_call(tmp_path):
    batch = write_timed_batch(tmp_path / "runs/mono/syn/default/timed_cpu", [RUN])
    gather_timings([batch], [], tmp_path / "timings.csv")
    rows = read_table(tmp_path / "timings.csv")
    assert list(rows.columns) == TIMINGS
    assert len(rows) == 7
    assert rows[rows["phase"] == "setup"][["cold", "seconds"]].values.tolist() == [["True", 3.5]]
    assert rows[rows["phase"] == "compute"][["cold", "seconds"]].values.tolist() == [
        ["True", 9.0],
        ["False", 8.0],
    ]
    first = rows.iloc[0]
    assert (first["cpu"], first["host"], first["threads"], first["peak_memory_mb"]) == (
        "Fast CPU",
        "box",
        2,
        812.5,
    )
    assert "numpy 2.3.5" in first["libraries"]
    assert first["own_environment"] == ""


def test_a_timed_run_carries_what_its_method_has_beyond_regbenchs_libraries(tmp_path):
    own = {"venv": "../fast", "python": "3.12.1", "packages": ["fast-1.5.0", "numpy-2.0.0"]}
    record = RUN | {"environment": {**RUN["environment"], "own": own}}
    batch = write_timed_batch(tmp_path / "runs/mono/fast/default/timed_cpu", [record])
    gather_timings([batch], [], tmp_path / "timings.csv")
    told = set(read_table(tmp_path / "timings.csv")["own_environment"])
    assert told == {"venv ../fast, python 3.12.1, fast-1.5.0, numpy-2.0.0"}


def test_accuracy_batches_are_not_timings_and_failures_and_commands_are(tmp_path):
    command = RUN | {
        "kind": "command",
        "setup_seconds": None,
        "calls": [{"call": 0, "total": 3.0}, {"call": 1, "total": 2.0}],
    }
    failed = RUN | {"status": "timeout", "calls": [], "pair": "s3__s4"}
    batches = [
        write_timed_batch(tmp_path / "runs/mono/syn/default/r0_b0", [RUN]),
        write_timed_batch(tmp_path / "runs/mono/tool/default/timed_cpu", [command, failed]),
    ]
    gather_timings(batches, [], tmp_path / "timings.csv")
    rows = read_table(tmp_path / "timings.csv")
    assert rows["phase"].tolist() == ["total", "total", ""]
    assert rows["status"].tolist() == ["ok", "ok", "timeout"]
    assert rows["seconds"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("status", ["ok", "error"])
def test_a_training_is_a_row(tmp_path, status):
    path = tmp_path / "models/mono/dmi/default/r1/record.json"
    write_record(path, {"status": status, "seconds": 12.5, "environment": PLACE})
    gather_timings([], [path], tmp_path / "timings.csv")
    row = read_table(tmp_path / "timings.csv").iloc[0]
    assert (row["task"], row["method"], row["repetition"], row["phase"]) == ("mono", "dmi", "1", "train")
    assert row["status"] == status
    assert (row["seconds"] == 12.5) == (status == "ok")


def test_a_study_without_runs_has_empty_files(tmp_path):
    gather_scores([], tmp_path / "scores.csv")
    gather_timings([], [], tmp_path / "timings.csv")
    assert read_table(tmp_path / "scores.csv").empty
    assert read_table(tmp_path / "timings.csv").empty
