"""What networks, losses, the warp and the optimisation do on a GPU, beside the CPU; skipped where there is no GPU."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from regbench.geometry.grid import Grid
from regbench.geometry.images import read_volume, write_volume
from regbench.methods.contract import Context, load_method
from regbench.methods.discovery import discover
from regbench.models.instance import InstanceSettings, Level, optimise
from regbench.models.training import train_model
from regbench.models.warp import integrate, warp

DEVICE = "cuda"
SHAPE = (32, 40, 36)
METHODS = discover([Path(__file__).parents[2] / "workflow" / "methods"])
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def smooth(channels: int, seed: int) -> torch.Tensor:
    """(1, channels, D, H, W), values of 0 to 1 that change over four voxels."""
    knots = torch.rand(1, channels, *(n // 4 for n in SHAPE), generator=torch.Generator().manual_seed(seed))
    return F.interpolate(knots, size=SHAPE, mode="trilinear")


def assert_close(found: torch.Tensor, expected: torch.Tensor, relative: float) -> None:
    found, expected = found.detach().cpu(), expected.detach()
    assert float((found - expected).norm()) <= relative * float(expected.norm())


@pytest.mark.parametrize("beyond", ["zeros", "border"])
def test_the_warp_and_its_gradients(beyond):
    found = []
    for device in ("cpu", DEVICE):
        image, u = smooth(2, 0).to(device).requires_grad_(), (4 * smooth(3, 1)).to(device).requires_grad_()
        out = warp(image, u, beyond) + integrate(u, 3)[:, :2]
        found.append((out, *torch.autograd.grad(out.square().sum(), (image, u))))
    for expected, ours in zip(*found, strict=True):
        assert_close(ours, expected, 1e-4)


@pytest.mark.parametrize("name", ["dmi", "dmi_fast", "voxelmorph"])
def test_the_loss_and_its_gradient_by_the_weights(name):
    found = []
    for device in ("cpu", DEVICE):
        torch.manual_seed(0)
        method = load_method(METHODS[name].python or "", METHODS[name].options)
        network = method.network(SHAPE)
        with torch.no_grad():
            for weights in network.parameters():  # away from the identity, where gradients are small
                weights.add_(0.02 * torch.randn(weights.shape))
        network, fixed, moving = network.to(device), smooth(1, 0).to(device), smooth(1, 1).to(device)
        loss, _ = method.loss(fixed, moving, network(fixed, moving))
        found.append((loss, *torch.autograd.grad(loss, list(network.parameters()))))
    expected, ours = ([values[0], torch.cat([g.cpu().flatten() for g in values[1:]])] for values in found)
    assert_close(ours[0], expected[0], 1e-4)
    assert_close(ours[1], expected[1], 1e-2)


@pytest.mark.parametrize("masked", [False, True])
def test_the_optimisation_of_a_pair(masked):
    settings = InstanceSettings(
        epsilon=0.2,
        levels=[Level(2, 10, "global", 1.2), Level(1, 10, "local", 1.0)],
        bins=32,
        sigma=1.0,
        radius=2,
        step=0.5,
        fluid=0.7,
        remap=5,
    )
    fixed = smooth(1, 0)
    moving = warp(fixed, 1.5 * smooth(3, 1) - 0.75, "border")
    mask = torch.zeros(SHAPE, dtype=torch.bool)
    mask[4:-4, 4:-4, 4:-4] = True
    fields = []
    for device in ("cpu", DEVICE):
        masks = (mask.to(device), mask.to(device)) if masked else None
        fields.append(optimise(fixed[0, 0].to(device), moving[0, 0].to(device), settings, masks=masks))
    assert float(fields[0].abs().max()) > 0.3
    assert float((fields[1].cpu() - fields[0]).abs().mean()) < 0.02


def test_a_network_trained_there_registers_on_both(tmp_path):
    grid = Grid(SHAPE, np.diag([3.0, 3, 3, 1]))
    sides = {}
    for number, side in enumerate(("fixed", "moving")):
        path = tmp_path / f"{side}.nii"
        write_volume(path, smooth(1, number)[0, 0].numpy(), grid)
        sides[side] = {"subject": side, "contrast": "T1w", "image": str(path)}
    pairs = [{"pair": "a", "status": "ok"} | sides]
    options = {**METHODS["dmi_fast"].options, "epochs": None, "steps": 12, "validate_every": 6}
    method = load_method(METHODS["dmi_fast"].python or "", options)
    settings = {"folder": tmp_path, "seed": 0, "threads": 2, "limit_seconds": 600.0}
    record = train_model(method, pairs, pairs, device=DEVICE, **settings)
    assert record["status"] == "ok", record["log_tail"]
    assert record["device"] == DEVICE
    fixed, moving = (read_volume(sides[side]["image"]) for side in ("fixed", "moving"))
    fields = []
    for device in ("cpu", DEVICE):
        trained = load_method(METHODS["dmi_fast"].python or "", options)
        trained.setup(Context(threads=2, device=device, seed=0, model=Path(record["model"])))
        fields.append(trained.register(fixed, moving))
    np.testing.assert_allclose(fields[1], fields[0], atol=1e-2)
