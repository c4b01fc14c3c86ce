"""How fields are kept: rounded where asked for, and not missed once dropped while their scores hold."""

from pathlib import Path

import ants
import numpy as np
import pytest
import SimpleITK as sitk

from regbench.geometry.fields import HALF_STEP, halved, read_field, write_field
from regbench.methods.discovery import MethodFile
from regbench.records import read_record, write_record
from regbench.runs.keys import score_key
from tests.geometry.oracles import GRIDS, smooth_field
from tests.runs.tiny import GRID, HERE, make_pair, run


@pytest.mark.parametrize("name", GRIDS)
def test_half_precision_is_off_by_half_a_step_at_most_and_every_tool_reads_it(name, tmp_path):
    grid, path = GRIDS[name], tmp_path / "field.nii.gz"
    u = smooth_field(grid, size=60.0)
    write_field(path, halved(u), grid)
    ours, _ = read_field(path)
    assert np.abs(ours - u).max() <= HALF_STEP / 2
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T, ours)
    assert np.array_equal(np.moveaxis(ants.image_read(str(path)).numpy(), -1, 0), ours)


def test_half_precision_takes_well_under_two_thirds_of_the_room(tmp_path):
    grid = GRIDS["LPS"]
    u = smooth_field(grid)
    for name, field in (("full", u), ("half", halved(u))):
        write_field(tmp_path / f"{name}.nii.gz", field, grid)
    sizes = [(tmp_path / f"{name}.nii.gz").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.6 * sizes[1]


def test_what_rounds_to_nothing_has_one_zero():
    assert not np.signbit(halved(np.full((3, 2, 2, 2), -1e-5, np.float32))).any()


@pytest.fixture
def copied(tmp_path) -> MethodFile:
    """A command that gives every pair the same field."""
    write_field(tmp_path / "made.nii.gz", np.full((3, *GRID.shape), 0.3), GRID)
    return MethodFile("copied", HERE / "copied.smk", "Copied", command=f"cp {tmp_path}/made.nii.gz OUT")


def test_the_field_of_a_command_is_kept_rounded_too_and_is_another_run(tmp_path, copied):
    full = run(tmp_path, copied, ["good"])["good"]
    half = run(tmp_path, copied, ["good"], precision="half")["good"]
    assert full["key"] != half["key"]
    assert np.allclose(read_field(half["field"])[0], 77 / 256)


def drop(folder: Path, scored_by: str) -> None:
    """What the scores do to a run whose field is not to be kept."""
    path = folder / "runs" / "F__good.json"
    kept = {"key": score_key(make_pair(folder, "good"), scored_by), "rows": []}
    write_record(path, read_record(path) | {"field": None, "scores": kept})
    (folder / "runs" / "F__good.nii.gz").unlink()


@pytest.mark.parametrize(("scored_by", "again"), [("these metrics", False), ("others", True), (None, True)])
def test_a_dropped_field_is_registered_again_only_when_its_scores_do_not_hold(
    tmp_path, copied, scored_by, again
):
    first = run(tmp_path, copied, ["good"], scored_by="these metrics")["good"]
    drop(tmp_path, "these metrics")
    second = run(tmp_path, copied, ["good", "new"], scored_by=scored_by)
    assert second["good"]["key"] == first["key"]
    assert (second["good"]["field"] is not None) == again
    assert ("scores" in second["good"]) != again
    assert second["new"]["field"]
