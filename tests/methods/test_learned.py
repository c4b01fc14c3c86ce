"""Learned methods as the runner calls them: the model file decides, and fields point the right way."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume, read_volume, write_volume
from regbench.methods.contract import Context
from regbench.methods.dmi import DMI
from regbench.methods.dmi_fast import DMIFast
from regbench.methods.dmi_fast_io import DMIFastInstance
from regbench.methods.learned import LearnedMethod
from regbench.methods.voxelmorph import VoxelMorph
from regbench.models.training import train_model

SHAPE = (18, 22, 20)
SHIFT = np.array([1.5, -1.0, 0.5])  # voxels: fixed(x) = moving(x + SHIFT)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
TRAINING = {"steps": 40, "learning_rate": 5e-3, "validate_every": 40}


def dmi(**options) -> DMI:
    widths = {"encoder": [8, 8], "decoder": [8, 8], "final": []}
    return DMI(**{"bins": 16, "sigma": 0.5, "smoothness": 0.5} | widths | TRAINING | options)


def voxelmorph(**options) -> VoxelMorph:
    settings = {
        "features": [8, 8],
        "leak": 0.2,
        "integration_steps": 3,
        "flow_initializer": 1e-5,
        "window": 5,
        "smoothness": 0.5,
    }
    return VoxelMorph(**settings | TRAINING | options)


def dmi_fast(**options) -> DMIFast:
    settings = {"bins": 16, "sigma": 0.5, "smoothness": 0.1, "widths": [8, 8], "squarings": 4}
    return DMIFast(**settings | TRAINING | options)


def blobs(seed=0) -> np.ndarray:
    noise = np.random.default_rng(seed).random(SHAPE)
    image = ndimage.gaussian_filter(noise, 1.6)
    return ((image - image.min()) / np.ptp(image)).astype(np.float32)


def shifted_pair(folder, invert=False) -> dict:
    """A pair whose moving image is the fixed one moved by a known amount, of inverted contrast if wished."""
    moving = blobs()
    fixed = ndimage.shift(moving, -SHIFT, order=1, mode="nearest")
    sides = {}
    for side, data, contrast in (
        ("fixed", fixed, "T1w"),
        ("moving", 1 - moving if invert else moving, "T2w" if invert else "T1w"),
    ):
        path = folder / f"{side}.nii.gz"
        write_volume(path, data, Grid(SHAPE, AFFINE))
        sides[side] = {"subject": side, "contrast": contrast, "image": str(path)}
    return {"pair": "fixed__moving", "status": "ok"} | sides


def train(method: LearnedMethod, pair: dict, folder) -> dict:
    return train_model(
        method, [pair], [pair], folder=folder, seed=3, threads=1, device="cpu", limit_seconds=math.inf
    )


def volumes(pair: dict) -> tuple[Volume, Volume]:
    return read_volume(pair["fixed"]["image"]), read_volume(pair["moving"]["image"])


@pytest.mark.parametrize(
    ("make", "invert"), [(dmi, False), (dmi, True), (dmi_fast, False), (dmi_fast, True), (voxelmorph, False)]
)
def test_trained_on_one_pair_it_finds_the_shift_in_the_right_direction(make, invert, tmp_path):
    pair = shifted_pair(tmp_path, invert)
    record = train(make(), pair, tmp_path)
    assert record["status"] == "ok", record
    method = make()
    method.setup(Context(threads=1, device="cpu", seed=0, model=tmp_path / "model.pt"))
    method.for_pair(pair)
    field = method.register(*volumes(pair))
    assert field.shape == (3, *SHAPE)
    assert field.dtype == np.float32
    inner = field[:, 4:-4, 4:-4, 4:-4].reshape(3, -1).mean(1)
    assert inner == pytest.approx(3 * SHIFT, abs=1.0)  # mm


def test_optimisation_goes_on_from_the_network_s_field(tmp_path):
    pair = shifted_pair(tmp_path)
    record = train(dmi_fast(), pair, tmp_path)
    context = Context(threads=1, device="cpu", seed=0, model=tmp_path / record["model"])
    network = dmi_fast()
    network.setup(context)
    settings = {"bins": 32, "sigma": 1.0, "radius": 2, "step": 1.0, "fluid": 0.7, "epsilon": 0.2, "remap": 10}
    found = {}
    for steps in (1, 20):
        refined = DMIFastInstance(levels=[[1, steps, "local", 1.0]], **settings)
        refined.setup(context)
        refined.for_pair(pair)
        found[steps] = refined.register(*volumes(pair))
    begun = network.register(*volumes(pair))
    assert np.abs(found[1] - begun)[:, 4:-4, 4:-4, 4:-4].mean() < 1.0
    inner = [
        np.abs(u[:, 4:-4, 4:-4, 4:-4].reshape(3, -1).mean(1) - 3 * SHIFT).max() for u in (begun, found[20])
    ]
    assert inner[1] < inner[0]
    with pytest.raises(ValueError, match="dmi_fast:DMIFast: needs a trained model"):
        refined.setup(Context(threads=1, device="cpu", seed=0))


def test_field_is_in_millimetres_of_lps_whatever_the_axes_of_the_grid(tmp_path):
    pair = shifted_pair(tmp_path)
    turned = np.diag([-3.0, 3.0, 3.0, 1.0])
    for side in ("fixed", "moving"):
        data = read_volume(pair[side]["image"]).data
        write_volume(pair[side]["image"], data, Grid(SHAPE, turned))
    train(dmi(), pair, tmp_path)
    method = dmi()
    method.setup(Context(threads=1, device="cpu", seed=0, model=tmp_path / "model.pt"))
    inner = method.register(*volumes(pair))[:, 4:-4, 4:-4, 4:-4].reshape(3, -1).mean(1)
    assert inner == pytest.approx(3 * SHIFT * [-1, 1, 1], abs=1.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    record = train(dmi(steps=1), shifted_pair(folder), folder)
    assert record["status"] == "ok", record
    return folder / "model.pt"


def context(model) -> Context:
    return Context(threads=1, device="cpu", seed=0, model=model)


def test_the_model_brings_its_own_network(model):
    method = dmi(encoder=[4], decoder=[4])
    method.setup(context(model))
    image = Volume(blobs(), Grid(SHAPE, AFFINE))
    assert method.register(image, image).shape == (3, *SHAPE)


def test_a_model_serves_images_of_another_size_but_not_of_another_spacing(model):
    method = dmi()
    method.setup(context(model))
    data = np.random.default_rng(0).random((13, 9, 17), np.float32)
    same, finer = (Volume(data, Grid(data.shape, np.diag([mm, mm, mm, 1.0]))) for mm in (3.0, 2.0))
    assert method.register(same, same).shape == (3, 13, 9, 17)
    with pytest.raises(ValueError, match=r"model\.pt: trained at a spacing of 3 x 3 x 3 mm"):
        method.register(finer, finer)


def test_a_pair_of_other_contrasts_is_refused(model, tmp_path):
    method = dmi()
    method.setup(context(model))
    with pytest.raises(ValueError, match="trained to align T1w to T1w, the pair is T2w to T1w"):
        method.for_pair(shifted_pair(tmp_path, invert=True))


def test_without_a_model_or_with_another_method_s_it_says_so(model):
    with pytest.raises(ValueError, match="needs a trained model"):
        dmi().setup(context(None))
    with pytest.raises(
        ValueError, match=r"a model of regbench\.methods\.dmi:DMI, not of regbench\.methods\.voxelmorph"
    ):
        voxelmorph().setup(context(model))


def test_voxelmorph_takes_images_its_pooling_does_not_divide():
    network = voxelmorph().network((9, 14, 11))
    displacement, velocity = network(*torch.rand(2, 1, 1, 9, 14, 11))
    assert displacement.shape == velocity.shape == (1, 3, 9, 14, 11)


def test_voxelmorph_without_integration_has_one_field():
    displacement, velocity = voxelmorph(integration_steps=0).network(SHAPE)(*torch.rand(2, 1, 1, *SHAPE))
    assert displacement is velocity


def test_options_with_an_unknown_name_are_refused():
    with pytest.raises(TypeError, match="learning_rat"):
        dmi(learning_rat=1.0)
