"""Classical methods, DMI-IO and the peers move points the right way on any grid."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from regbench.geometry.images import Volume
from regbench.methods.contract import Context, load_method
from regbench.methods.discovery import discover
from tests.methods import blobs
from tests.methods.test_contract import skip_unless_it_can_run

ROOT = Path(__file__).resolve().parents[2]
METHODS = discover([ROOT / "workflow" / "methods", ROOT / "workflow" / "peers"])
FEW = {
    "syn": {},
    "dmi_io": {},
    "greedy": {},
    "greedy_nmi": {},
    "demons": {},
    "syn_cc": {"iterations": [40, 20, 0], "shrink_factors": [4, 2, 1], "smoothing_sigmas": [2, 1, 0]},
    "convexadam": {"grid_sp": 4},
    "bspline": {
        "MaximumNumberOfIterations": 60,
        "NumberOfResolutions": 2,
        "FinalGridSpacingInPhysicalUnits": 12,
    },
}
FEW["bspline"] |= {"GridSpacingSchedule": [2, 1], "ImagePyramidSchedule": [2, 2, 2, 1, 1, 1]}
CONTEXT = Context(threads=1, device="cpu", seed=1)  # with more, greedy adds up in another order each time
SHIFT = np.array([2.5, -2.0, 1.5])


def register(name: str, fixed: Volume, moving: Volume) -> np.ndarray:
    method = METHODS[name]
    skip_unless_it_can_run(method)
    instance = load_method(method.python or "", {**method.options, **FEW[name]})
    instance.setup(CONTEXT)
    return instance.register(fixed, moving)


BOTH, GRIDS = ("same", "other"), ("las", "oblique", "anisotropic")
SHIFTS = [
    (name, grid, contrast) for name in ("syn", "bspline", "dmi_io") for grid in GRIDS for contrast in BOTH
]
SHIFTS += [(name, grid, "same") for name in ("greedy", "demons", "convexadam") for grid in GRIDS]
SHIFTS += [
    ("syn_cc", "oblique", "same"),
    ("greedy_nmi", "oblique", "other"),
    ("convexadam", "oblique", "other"),
]


@pytest.mark.parametrize(("name", "grid", "contrast"), SHIFTS)
def test_a_shift_is_found_in_its_own_direction(name, grid, contrast):
    place = blobs.grids()[grid]
    fixed, moving = blobs.pair(place, SHIFT, invert=contrast == "other")
    field = register(name, fixed, moving)
    assert field.shape == (3, *place.shape)
    assert field.dtype == np.float32
    found = field[:, blobs.inside(place)].mean(axis=1)
    assert np.linalg.norm(found - SHIFT) < 0.4 * np.linalg.norm(SHIFT)


@pytest.mark.parametrize("name", ["syn", "bspline", "dmi_io", "greedy", "demons", "syn_cc", "convexadam"])
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


def test_bspline_registers_without_loading_all_of_itk():
    code = """
import sys
from tests.methods import blobs
from tests.methods.test_classical import SHIFT, register
register("bspline", *blobs.pair(blobs.grids()["las"], SHIFT))
print("itk.ITKImageIntensityPython" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
