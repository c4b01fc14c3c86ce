import numpy as np
import pandas as pd
import pytest

from regbench.problems import StepFailed
from regbench.records import write_record
from regbench.scores.metrics import METRICS
from regbench.scores.pair import COLUMNS
from regbench.scores.score import score_batch
from regbench.study import ScoreSettings
from tests.scores.small_pair import GRID, smooth_field, write_pair, write_run


@pytest.fixture
def batch(tmp_path):
    """A batch of one pair and its reverse: (pairs record, folder of runs, CSV to write)."""
    pair = write_pair(tmp_path) | {"followup": True}
    back = pair | {"pair": "b__a", "fixed": pair["moving"], "moving": pair["fixed"]}
    write_record(tmp_path / "test_b0.json", {"pairs": [pair, back]})
    return tmp_path / "test_b0.json", tmp_path / "runs/mono/syn/default/r2_b0", tmp_path / "out.csv"


def read(path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"fixed": str, "moving": str})


def test_a_failed_and_an_unreadable_run_become_rows_beside_the_good_one(batch, tmp_path, caplog):
    pairs, runs, out = batch
    run = write_run(tmp_path, smooth_field(5, 2.0)) | {"repetition": 2}
    write_record(runs / "a__b.json", run)
    score_batch(pairs, runs, out, ScoreSettings())
    rows = read(out)
    assert list(rows.columns) == COLUMNS
    assert set(rows[rows["status"] == "ok"]["fixed"]) == {"a"}
    missing = rows[rows["fixed"] == "b"]
    assert set(missing["status"]) == {"error"}
    assert list(missing["metric"]) == list(METRICS)
    assert set(rows["task"]) == {"mono"}
    assert set(rows["repetition"]) == {2}
    assert "b__a could not be scored" in caplog.text


def test_a_field_that_was_damaged_after_its_run_fails_its_own_pair_only(batch, tmp_path):
    pairs, runs, out = batch
    good = write_run(tmp_path, np.zeros((3, *GRID.shape), np.float32))
    write_record(runs / "b__a.json", good | {"pair": "b__a", "fixed": "b", "moving": "a"})
    damaged = tmp_path / "damaged.nii.gz"
    damaged.write_bytes(b"not an image")
    write_record(runs / "a__b.json", good | {"field": str(damaged)})
    score_batch(pairs, runs, out, ScoreSettings())
    status = read(out).groupby("fixed")["status"].unique().map(list).to_dict()
    assert status == {"a": ["error"], "b": ["ok"]}


def test_where_it_is_to_stop_a_scoring_that_fails_is_raised_with_its_pair_and_no_scores_are_left(
    batch, tmp_path
):
    pairs, runs, out = batch
    good = write_run(tmp_path, np.zeros((3, *GRID.shape), np.float32))
    damaged = tmp_path / "damaged.nii.gz"
    damaged.write_bytes(b"not an image")
    write_record(runs / "a__b.json", good | {"field": str(damaged)})
    with pytest.raises(StepFailed, match=r"scoring of r2_b0/a__b ended as error: .*damaged\.nii\.gz") as told:
        score_batch(pairs, runs, out, ScoreSettings(), on_failure="stop", log=tmp_path / "score.log")
    assert f"its log is {tmp_path / 'score.log'}" in str(told.value)
    with pytest.raises(StepFailed) as told:
        score_batch(pairs, runs, out, ScoreSettings(), on_failure="stop")
    assert "its log" not in str(told.value)
    assert not out.exists()


def test_a_pair_whose_preparation_failed_is_still_counted(batch, tmp_path):
    pairs, runs, out = batch
    sides = {side: {"subject": name} for side, name in (("fixed", "a"), ("moving", "b"))}
    write_record(
        pairs, {"pairs": [{"pair": "a__b", "status": "error", "message": "no image", **sides, "truth": None}]}
    )
    write_record(runs / "a__b.json", write_run(tmp_path, None, "skipped"))
    score_batch(pairs, runs, out, ScoreSettings())
    assert set(read(out)["status"]) == {"skipped"}
