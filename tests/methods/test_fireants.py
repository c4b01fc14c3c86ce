"""FireANTs in its own venv (`make fireants`) moves points the right way, on any grid, through the runner."""

from pathlib import Path

import numpy as np
import pytest

from regbench.geometry.fields import read_field
from regbench.geometry.images import Volume, write_volume
from tests.methods import blobs
from tests.methods.test_contract import METHODS, skip_unless_it_can_run
from tests.runs.tiny import run

FEW = {"iterations": [60, 40, 20]}
SHIFT = np.array([2.5, -2.0, 1.5])


def registered(folder: Path, name: str, fixed: Volume, moving: Volume, **options) -> np.ndarray:
    """The field (3, D, H, W) of a run in the method's venv; the test is skipped where that is not made."""
    method = METHODS[name]
    skip_unless_it_can_run(method)
    pair: dict = {"pair": "f__m", "status": "ok", "message": "", "truth": None}
    for side, volume in (("fixed", fixed), ("moving", moving)):
        path = folder / f"{side}.nii.gz"
        write_volume(path, volume.data, volume.grid)
        pair[side] = {"subject": side[0], "image": str(path), "mask": None}
    record = run(folder, method, [pair], options={**method.options, **FEW, **options}, seconds=300)["m"]
    assert record["status"] == "ok", record["log_tail"]
    return read_field(record["field"])[0]


@pytest.mark.parametrize(
    ("name", "grid", "options"),
    [
        ("fireants", "las", {}),
        ("fireants", "oblique", {}),
        ("fireants", "anisotropic", {"algorithm": "syn"}),
        ("fireants_mi", "oblique", {}),
    ],
)
def test_a_shift_is_found_in_its_own_direction(name, grid, options, tmp_path):
    place = blobs.grids()[grid]
    fixed, moving = blobs.pair(place, SHIFT, invert=name == "fireants_mi")
    found = registered(tmp_path, name, fixed, moving, **options)[:, blobs.inside(place)].mean(axis=1)
    assert np.linalg.norm(found - SHIFT) < 0.4 * np.linalg.norm(SHIFT)


def test_the_error_of_a_known_warp_falls(tmp_path):
    grid = blobs.grids()["oblique"]
    points = grid.points()
    truth = blobs.smooth_warp(points)
    fixed, moving = Volume(blobs.scene(points + truth), grid), Volume(blobs.scene(points), grid)
    field, near = registered(tmp_path, "fireants", fixed, moving), blobs.inside(grid)
    before = np.linalg.norm(truth[:, near], axis=0).mean()
    assert np.linalg.norm((field - truth)[:, near], axis=0).mean() < 0.6 * before


def test_an_algorithm_that_fireants_does_not_have_is_refused_by_name(tmp_path):
    method = METHODS["fireants"]
    skip_unless_it_can_run(method)
    options = {**method.options, "algorithm": "demons"}
    record = run(tmp_path, method, ["good"], options=options)["good"]
    assert "algorithm='demons': expected one of greedy, syn" in record["message"]
