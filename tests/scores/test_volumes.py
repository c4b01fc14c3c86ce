import numpy as np
import pytest

from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume, read_volume, write_volume
from regbench.scores.pair import score_pair
from regbench.scores.volumes import label_volumes
from regbench.study import ScoreSettings
from tests.scores.small_pair import GRID, native_grid, write_pair, write_run

ZERO = np.zeros((3, *GRID.shape), np.float32)


def volumes(rows) -> dict[str, dict[int, float]]:
    """ml by metric and label."""
    named = [row for row in rows if row["metric"].startswith("volume") and row["label"] != ""]
    found: dict[str, dict[int, float]] = {}
    for row in named:
        found.setdefault(row["metric"], {})[row["label"]] = float(row["value"])
    return found


def test_millilitres_are_of_the_labels_own_grid_or_of_the_space_it_is_taken_to():
    labels = np.zeros(native_grid().shape, np.int32)
    labels[:10, :10, :10], labels[20, 20, 20] = 3, 1
    voxel = 1.3 * 1.1 * 1.7 / 1000
    found = label_volumes(Volume(labels, native_grid()))
    assert found == pytest.approx({1: voxel, 3: 1000 * voxel})
    doubled = label_volumes(Volume(labels, native_grid()), np.diag([2.0, 1.0, 1.0, 1.0]))
    assert doubled == pytest.approx({1: 2 * voxel, 3: 2000 * voxel})


def test_a_follow_up_has_the_volumes_of_both_scans_as_drawn_and_of_the_label_that_was_carried(tmp_path):
    pair = write_pair(tmp_path) | {"followup": True}
    before, after = (read_volume(pair[side]["labels"], np.int32) for side in ("moving", "fixed"))
    found = volumes(score_pair(pair, write_run(tmp_path, ZERO), ScoreSettings()))
    assert found["volume_before"] == pytest.approx(label_volumes(before))
    assert found["volume_after"] == pytest.approx(label_volumes(after))
    # No displacement: what the affines of the two scans make of a volume, up to voxels at its rim.
    fixed, moving = (
        abs(np.linalg.det(np.array(pair[side]["to_original"])[:3, :3])) for side in ("fixed", "moving")
    )
    for label, ml in found["volume_carried"].items():
        assert ml == pytest.approx(found["volume_before"][label] * fixed / moving, rel=0.06)


def test_a_field_that_doubles_lengths_carries_an_eighth_of_the_volume(tmp_path):
    pair = write_pair(tmp_path) | {"followup": True}
    centre = GRID.to_points((np.array(GRID.shape)[:, None] - 1) / 2)[:, :, None, None]
    shrinking = (GRID.points() - centre).astype(np.float32)  # pull-back: twice as far out in the moving scan
    rest, small = (
        volumes(score_pair(pair, write_run(tmp_path, u), ScoreSettings()))["volume_carried"]
        for u in (ZERO, shrinking)
    )
    assert sum(small.values()) == pytest.approx(sum(rest.values()) / 8, rel=0.1)


def test_a_lesion_that_is_gone_or_new_has_no_volume_in_the_other_scan_and_one_without_a_later_label_no_dsc(
    tmp_path,
):
    pair = write_pair(tmp_path) | {"followup": True}
    labels = np.zeros((20, 20, 20), np.int16)
    labels[4:8, 4:8, 4:8] = 9
    other = tmp_path / "other.nii.gz"
    write_volume(other, labels, Grid((20, 20, 20), np.eye(4)))
    pair["moving"]["labels"] = str(other)
    found = volumes(score_pair(pair, write_run(tmp_path, ZERO), ScoreSettings()))
    assert found["volume_before"] == pytest.approx({1: 0, 2: 0, 3: 0, 4: 0, 9: 0.064})
    assert found["volume_after"][9] == 0
    pair["fixed"]["labels"] = None
    rows = score_pair(pair, write_run(tmp_path, ZERO), ScoreSettings())
    assert {row["metric"] for row in rows} & {"dsc", "hd95", "volume_after"} == set()
    assert volumes(rows)["volume_before"] == pytest.approx({9: 0.064})
    pair["followup"] = False
    assert not volumes(score_pair(pair, write_run(tmp_path, ZERO), ScoreSettings()))
