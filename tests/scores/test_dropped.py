"""Fields dropped after scoring: the scores stay, count again where they hold, and are refused where they do not."""

import json
from pathlib import Path

import numpy as np
import pytest

from regbench.geometry.images import read_volume, write_volume
from regbench.records import read_record, write_record
from regbench.scores.score import score_batch
from regbench.study import ScoreSettings
from tests.scores.small_pair import GRID, smooth_field, write_pair, write_run


@pytest.fixture
def batch(tmp_path):
    """A scored batch of one pair whose field was dropped: (arguments of score_batch, the CSV it first wrote)."""
    runs = tmp_path / "runs/mono/syn/default/r0_b0"
    runs.mkdir(parents=True)
    write_record(tmp_path / "test_b0.json", {"pairs": [write_pair(tmp_path)]})
    write_record(runs / "a__b.json", write_run(runs, smooth_field(5, 2.0)))
    arguments = [tmp_path / "test_b0.json", runs, tmp_path / "out.csv", ScoreSettings()]
    score_batch(*arguments, keep=0, scored_by="metrics of today")
    first = arguments[2].read_text()
    arguments[2].unlink()
    return arguments, first


def test_the_field_goes_and_the_record_keeps_its_scores(batch):
    (_, runs, _, _), _ = batch
    record = read_record(runs / "a__b.json")
    assert record["field"] is None
    assert record["status"] == "ok"
    assert not list(runs.glob("*.nii.gz"))
    assert len(json.dumps(record["scores"])) < 3000


def test_scoring_again_writes_the_same_table_without_the_field(batch):
    arguments, first = batch
    score_batch(*arguments, keep=0, scored_by="metrics of today")
    assert arguments[2].read_text() == first
    assert ",ok,dsc,1," in first


def test_other_metrics_say_which_runs_must_be_done_again(batch):
    arguments, _ = batch
    with pytest.raises(ValueError, match=r"1 pairs \(a__b.*delete .*batch\.json.*snakemake"):
        score_batch(*arguments, keep=0, scored_by="metrics of tomorrow")
    assert not arguments[2].exists()


def test_other_labels_say_so_too(batch):
    arguments, _ = batch
    labels = read_record(arguments[0])["pairs"][0]["moving"]["labels"]
    volume = read_volume(labels, np.int32)
    write_volume(labels, np.roll(volume.data, 1, axis=0), volume.grid)
    with pytest.raises(ValueError, match="no longer hold"):
        score_batch(*arguments, keep=0, scored_by="metrics of today")


def test_the_first_pairs_and_those_that_failed_keep_their_fields(tmp_path):
    runs = tmp_path / "runs/mono/syn/default/r0_b0"
    runs.mkdir(parents=True)
    pair = write_pair(tmp_path)
    back = pair | {"pair": "b__a", "fixed": pair["moving"], "moving": pair["fixed"]}
    broken = pair | {"pair": "c__a", "fixed": pair["fixed"] | {"image": str(tmp_path / "gone.nii.gz")}}
    write_record(tmp_path / "test_b0.json", {"pairs": [pair, back, broken]})
    run = write_run(runs, np.zeros((3, *GRID.shape), np.float32))
    for name in ("b__a", "c__a"):
        field = runs / f"{name}.nii.gz"
        field.write_bytes((runs / "a__b.nii.gz").read_bytes())
        fixed, moving = name.split("__")
        write_record(
            runs / f"{name}.json", run | {"pair": name, "fixed": fixed, "moving": moving, "field": str(field)}
        )
    write_record(runs / "a__b.json", run)
    score_batch(tmp_path / "test_b0.json", runs, tmp_path / "out.csv", ScoreSettings(), keep=1)
    assert [path.name for path in sorted(runs.glob("*.nii.gz"))] == ["a__b.nii.gz", "c__a.nii.gz"]


def test_what_a_kill_left_between_record_and_field_is_cleared(batch):
    arguments, _ = batch
    left = Path(arguments[1] / "a__b.nii.gz")
    left.write_bytes(b"field")
    score_batch(*arguments, keep=0, scored_by="metrics of today")
    assert not left.exists()
