"""SyN, B-spline, DMI-IO and greedy move points the right way on any grid; precomputed reads fields."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from regbench.geometry.fields import mm_to_voxels, write_field
from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume
from regbench.methods.contract import Context, load_method
from regbench.methods.discovery import discover
from tests.methods import blobs

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
METHODS = discover([WORKFLOW / "methods", WORKFLOW / "peers"])
FEW = {
    "syn": {},
    "dmi_io": {},
    "greedy": {},
    "greedy_nmi": {},
    "bspline": {
        "MaximumNumberOfIterations": 60,
        "NumberOfResolutions": 2,
        "FinalGridSpacingInPhysicalUnits": 12,
    },
}
FEW["bspline"] |= {"GridSpacingSchedule": [2, 1], "ImagePyramidSchedule": [2, 2, 2, 1, 1, 1]}
CONTEXT = Context(threads=2, device="cpu", seed=1)
SHIFT = np.array([2.5, -2.0, 1.5])


def register(name: str, fixed: Volume, moving: Volume) -> np.ndarray:
    method = METHODS[name]
    instance = load_method(method.python or "", {**method.options, **FEW[name]})
    instance.setup(CONTEXT)
    return instance.register(fixed, moving)


BOTH, GRIDS = ("same", "other"), ("las", "oblique", "anisotropic")
SHIFTS = [
    (name, grid, contrast) for name in ("syn", "bspline", "dmi_io") for grid in GRIDS for contrast in BOTH
]
SHIFTS += [("greedy", grid, "same") for grid in GRIDS] + [("greedy_nmi", "oblique", "other")]


@pytest.mark.parametrize(("name", "grid", "contrast"), SHIFTS)
def test_a_shift_is_found_in_its_own_direction(name, grid, contrast):
    place = blobs.grids()[grid]
    fixed, moving = blobs.pair(place, SHIFT, invert=contrast == "other")
    field = register(name, fixed, moving)
    assert field.shape == (3, *place.shape)
    assert field.dtype == np.float32
    found = field[:, blobs.inside(place)].mean(axis=1)
    assert np.linalg.norm(found - SHIFT) < 0.4 * np.linalg.norm(SHIFT)


@pytest.mark.parametrize("name", ["syn", "bspline", "dmi_io", "greedy"])
def test_the_error_of_a_known_warp_falls(name):
    grid = blobs.grids()["oblique"]
    points = grid.points()
    truth = blobs.smooth_warp(points)
    moving = Volume(blobs.scene(points), grid)
    fixed = Volume(blobs.scene(points + truth), grid)
    field = register(name, fixed, moving)
    near = blobs.inside(grid)
    before = np.linalg.norm(truth[:, near], axis=0).mean()
    after = np.linalg.norm((field - truth)[:, near], axis=0).mean()
    assert after < 0.6 * before


@pytest.mark.parametrize("name", ["bspline", "greedy"])
def test_the_same_seed_gives_the_same_field(name):
    fixed, moving = blobs.pair(blobs.grids()["las"], SHIFT)
    assert np.array_equal(register(name, fixed, moving), register(name, fixed, moving))


@pytest.fixture
def place() -> Grid:
    return blobs.grids()["anisotropic"]


def precomputed(folder: Path, layout: str):
    path = str(folder / "{fixed}_to_{moving}.nii.gz")
    method = load_method("regbench.methods.precomputed:Precomputed", {"fields": path, "layout": layout})
    method.setup(CONTEXT)
    method.for_pair({"pair": "A__B", "fixed": {"subject": "A"}, "moving": {"subject": "B"}})
    return method


def test_itk_fields_are_read_from_any_grid(tmp_path, place):
    wide = Grid((60, 60, 60), np.array([[2.0, 0, 0, -60], [0, 2, 0, -60], [0, 0, 2, -50], [0, 0, 0, 1]]))
    linear = 0.05 * wide.points()
    write_field(tmp_path / "A_to_B.nii.gz", linear.astype(np.float32), wide)
    fixed = Volume(np.zeros(place.shape, np.float32), place)
    field = precomputed(tmp_path, "itk").register(fixed, fixed)
    assert np.allclose(field, 0.05 * place.points(), atol=1e-3)


def test_learn2reg_fields_are_voxels_of_the_prepared_grid(tmp_path, place):
    truth = np.broadcast_to(SHIFT.reshape(3, 1, 1, 1), (3, *place.shape)).astype(np.float32)
    voxels = np.moveaxis(mm_to_voxels(truth, place), 0, -1)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "A_to_B.nii.gz")
    fixed = Volume(np.zeros(place.shape, np.float32), place)
    assert np.allclose(precomputed(tmp_path, "learn2reg").register(fixed, fixed), truth, atol=1e-5)


def test_a_missing_precomputed_field_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="A_to_B"):
        precomputed(tmp_path, "itk")


@pytest.mark.parametrize(
    "options", [{"fields": "/x/all.nii.gz"}, {"fields": "{fixed}{moving}", "layout": "ras"}]
)
def test_wrong_options_of_precomputed_are_refused(options):
    with pytest.raises(ValueError, match="precomputed"):
        load_method("regbench.methods.precomputed:Precomputed", options)
