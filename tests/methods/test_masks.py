"""What lies outside the masks misleads no method that is told to use them, and masks that are not used change nothing."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from regbench.geometry.images import Volume, write_volume
from regbench.methods.contract import Context, load_method
from regbench.methods.discovery import discover
from regbench.models.training import train_model
from regbench.records import read_record
from regbench.runs.batch import run_batch
from regbench.study import LimitSettings
from tests.methods import blobs
from tests.methods.test_contract import skip_unless_it_can_run

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
METHODS = discover([WORKFLOW / "methods", WORKFLOW / "peers"])
FEWER = {"bspline": {"MaximumNumberOfIterations": 60, "sample_in_mask": False}}
FEWER["bspline"] |= {"NumberOfResolutions": 3, "FinalGridSpacingInPhysicalUnits": 12}
FEWER["bspline"] |= {"GridSpacingSchedule": [4, 2, 1], "ImagePyramidSchedule": [4, 4, 4, 2, 2, 2, 1, 1, 1]}
GRID = blobs.grids()["oblique"]
TRUTH = blobs.smooth_warp(GRID.points())
LEARNED = ["dmi", "dmi_fast"]


def distance(*place: float) -> np.ndarray:
    """mm of every voxel from a place in the head."""
    centre = np.array([4.0, -7.0, 11.0]) + place
    return np.linalg.norm(GRID.points() - centre.reshape(3, 1, 1, 1), axis=0)


HOLES = distance(8, 4, -2), distance(-7, -5, 4)  # of the fixed and of the moving image
AROUND = blobs.inside(GRID) & (np.minimum(*HOLES) < 14)


def damaged_pair() -> tuple[Volume, Volume]:
    """Images of a known warp, each with a hole of 8 mm that its mask leaves out, empty as preparation leaves it."""
    scenes = blobs.scene(GRID.points() + TRUTH), blobs.scene(GRID.points())
    volumes = [
        Volume(np.where(hole < 8, 0, scene).astype(np.float32), GRID, mask=hole >= 8)
        for scene, hole in zip(scenes, HOLES, strict=True)
    ]
    return volumes[0], volumes[1]


def register(name: str, fixed: Volume, moving: Volume, **options) -> np.ndarray:
    method = METHODS[name]
    skip_unless_it_can_run(method)
    instance = load_method(method.python or "", {**method.options, **FEWER.get(name, {}), **options})
    instance.setup(Context(threads=1, device="cpu", seed=1))
    return instance.register(fixed, moving)


@pytest.mark.parametrize(
    ("name", "share"), [("syn", 0.9), ("bspline", 0.9), ("greedy", 0.6), ("dmi_io", 0.3)]
)
def test_a_masked_method_is_nearer_to_the_truth_around_what_the_masks_hide(name, share):
    fixed, moving = damaged_pair()
    errors = []
    for use_mask in (False, True):
        field = register(name, fixed, moving, use_mask=use_mask)
        errors.append(np.linalg.norm((field - TRUTH)[:, AROUND], axis=0).mean())
    assert errors[1] < share * errors[0]


@pytest.mark.parametrize("name", ["syn", "bspline", "greedy", "dmi_io"])
def test_masks_that_are_not_used_change_nothing(name):
    fixed, moving = damaged_pair()
    bare = [replace(volume, mask=None) for volume in (fixed, moving)]
    assert np.array_equal(register(name, fixed, moving), register(name, *bare))


@pytest.mark.parametrize("name", ["syn", "bspline", "greedy", "dmi_io"])
def test_one_mask_is_enough_and_none_is_an_error_that_says_what_to_set(name):
    fixed, moving = damaged_pair()
    moving = replace(moving, mask=None)
    assert np.isfinite(register(name, fixed, moving, use_mask=True)).all()
    with pytest.raises(ValueError, match=r"neither image of the pair has a mask.*prepare\.mask"):
        register(name, replace(fixed, mask=None), moving, use_mask=True)


def test_what_is_outside_the_masks_has_no_part_in_instance_optimisation():
    pair = damaged_pair()
    noise = np.random.default_rng(0).random(GRID.shape, np.float32)
    other = [replace(v, data=np.where(v.mask, v.data, noise)) for v in pair]
    first, second = (register("dmi_io", *images, use_mask=True) for images in (pair, other))
    assert np.array_equal(first, second)


@pytest.fixture
def record(tmp_path) -> dict:
    """The damaged pair on disk, as a PAIR record."""
    sides = {}
    for side, volume in zip(("fixed", "moving"), damaged_pair(), strict=True):
        paths = {kind: str(tmp_path / f"{side}_{kind}.nii.gz") for kind in ("image", "mask")}
        write_volume(paths["image"], volume.data, GRID)
        write_volume(paths["mask"], volume.mask, GRID)
        sides[side] = {"subject": side, "contrast": "T1w", **paths}
    return {"pair": "fixed__moving", "status": "ok", "message": "", "truth": None, **sides}


def without_masks(record: dict) -> dict:
    return record | {side: record[side] | {"mask": None} for side in ("fixed", "moving")}


def test_a_run_of_a_pair_without_masks_ends_as_an_error_that_says_what_to_set(record, tmp_path):
    method = METHODS["dmi_io"]
    run_batch(
        [without_masks(record)], method, method.options | {"use_mask": True}, task="t", variant="masked", repetition=0,
        model_record=None, folder=tmp_path / "runs", threads=1, device="cpu", seed=0, code_fingerprint="test",
        limits=LimitSettings(run_seconds=120, memory_gb=8), timed=False, repetitions=1,
    )  # fmt: skip
    run = read_record(tmp_path / "runs" / "fixed__moving.json")
    assert run["status"] == "error"
    assert "set the task's `prepare.mask`" in run["message"]


def train(name: str, record: dict, folder: Path, **options) -> dict:
    once = {"epochs": None, "steps": 2, "validate_every": 1, "flip": [0], "warp_voxels": 1.0}
    learned = load_method(METHODS[name].python or "", METHODS[name].options | once | options)
    return train_model(
        learned, [record], [record], folder=folder, seed=0, threads=1, device="cpu", limit_seconds=math.inf
    )


@pytest.mark.parametrize("name", LEARNED)
def test_training_takes_masks_from_the_pairs_and_says_when_there_are_none(name, record, tmp_path):
    done = train(name, record, tmp_path / "masked", use_mask=True)
    assert done["status"] == "ok", done["message"]
    failed = train(name, without_masks(record), tmp_path / "bare", use_mask=True)
    assert failed["status"] == "error"
    assert "fixed__moving: an image has no mask, and use_mask needs masks" in failed["message"]


@pytest.mark.parametrize("name", LEARNED)
def test_what_is_outside_the_masks_has_no_part_in_the_loss_of_a_training(name):
    method = load_method(METHODS[name].python or "", METHODS[name].options | {"use_mask": True})
    generator = torch.Generator().manual_seed(0)
    images = [torch.from_numpy(np.stack([v.data, v.mask]).astype(np.float32))[None] for v in damaged_pair()]
    noise = torch.rand(images[0].shape[2:], generator=generator)
    other = [torch.stack([torch.where(x[0, 1] > 0, x[0, 0], noise), x[0, 1]])[None] for x in images]
    u = 0.7 * torch.randn(1, 3, *noise.shape, generator=generator)
    slopes = []
    for fixed, moving in (images, other):
        field = u.clone().requires_grad_()
        output = field if name == "dmi" else (field, field)
        loss, _ = method.loss(fixed, moving, output)
        slopes.append((loss.detach(), *torch.autograd.grad(loss, field)))
    assert torch.equal(slopes[0][0], slopes[1][0])
    assert torch.equal(slopes[0][1], slopes[1][1])
    plain, _ = method.loss(*(image[:, :1] for image in images), output)
    assert not torch.equal(plain, slopes[0][0])
