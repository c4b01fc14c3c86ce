"""The spatial transformer against scipy, and the regulariser against closed forms."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from regbench.models import warp as module
from regbench.models.warp import integrate, squared_gradient, warp


@pytest.mark.parametrize("shape", [(7, 9, 12), (10, 4, 5), (6, 1, 8)])
def test_warp_samples_as_scipy_does(shape):
    generator = np.random.default_rng(0)
    image, u = generator.random(shape), generator.normal(0, 2, (3, *shape))
    u[np.array(shape) == 1] = 0  # between a lone plane and nothing, libraries differ
    points = np.indices(shape) + u
    expected = ndimage.map_coordinates(np.pad(image, 1), points + 1, order=1, mode="constant")
    found = warp(torch.from_numpy(image)[None, None].float(), torch.from_numpy(u)[None].float())
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=1e-5)


def pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 2, *shape, generator=generator)
    u = 2 * torch.randn(2, 3, *shape, generator=generator)
    u[1, :, -1] = 50.0  # far outside
    u[1, :, -2] = -50.0
    return image, u


def gradients(image: torch.Tensor, u: torch.Tensor, beyond) -> list[torch.Tensor]:
    inputs = image.clone().requires_grad_(), u.clone().requires_grad_()
    out = warp(*inputs, beyond=beyond)
    weights = torch.rand(out.shape, generator=torch.Generator().manual_seed(1)).to(out)
    return [out.detach(), *torch.autograd.grad((out * weights).sum(), inputs)]


@pytest.mark.parametrize("beyond", ["zeros", "border"])
@pytest.mark.parametrize("shape", [(7, 9, 12), (3, 2, 6)])
def test_the_compiled_warp_and_its_gradients_are_torch_s_in_float64(shape, beyond, monkeypatch):
    image, u = pair(*shape)
    monkeypatch.setattr(module.F, "grid_sample", lambda *_, **__: pytest.fail("not compiled"))
    found = gradients(image, u, beyond)
    monkeypatch.undo()
    expected = gradients(image.double(), u.double(), beyond)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine.double(), theirs, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("beyond", ["zeros", "border"])
def test_the_identity_changes_nothing(beyond):
    image, u = pair(7, 1, 12)
    assert torch.equal(warp(image, torch.zeros_like(u), beyond), image)


def test_any_number_of_threads_gives_the_same_bits(threads):
    image, u = pair(13, 9, 12)
    found = []
    for count in (1, 2, 3):
        threads(count)
        found.append(gradients(image, u, "border"))
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("beyond", ["zeros", "border"])
def test_gradients_where_training_begins_are_torch_s_in_float64(beyond):
    image, u = pair(5, 9, 3)  # sizes with which torch finds its way back to whole voxels
    u = (2 * u).round() / 2 * torch.tensor([0.0, 1.0])[:, None, None, None, None]
    found, expected = gradients(image, u, beyond), gradients(image.double(), u.double(), beyond)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine.double(), theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("beyond", ["zeros", "border"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_in_a_field_is_nan_in_what_it_warps(value, beyond):
    image, u = pair(5, 6, 7)
    u[0, 1, 2, 3, 4] = value
    assert warp(image, u, beyond).isnan().nonzero().tolist() == [[0, 0, 2, 3, 4], [0, 1, 2, 3, 4]]


@pytest.mark.parametrize("shape", [(2, 3, 5, 6, 8), (1, 3, 5, 6, 7), (2, 2, 5, 6, 7)])
def test_a_field_on_another_grid_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(B, C, D, H, W\)"):
        warp(torch.rand(2, 1, 5, 6, 7), torch.zeros(shape))


def test_an_image_of_a_plane_is_refused():
    with pytest.raises(ValueError, match=r"expected \(B, C, D, H, W\)"):
        warp(torch.rand(2, 1, 6, 7), torch.zeros(2, 3, 6, 7))


def test_first_channel_moves_along_the_first_axis():
    image = torch.rand(1, 1, 8, 9, 10)
    u = torch.zeros(1, 3, 8, 9, 10)
    u[:, 0] = 1.0
    assert torch.allclose(warp(image, u)[:, :, :-1], image[:, :, 1:], atol=1e-5)


def test_a_grid_first_used_while_inferring_serves_training(monkeypatch):
    monkeypatch.setattr(module, "COMPILED_FOR", ())
    image = torch.rand(1, 1, 5, 6, 11)
    with torch.inference_mode():
        warp(image, torch.zeros(1, 3, 5, 6, 11))
    u = torch.zeros(1, 3, 5, 6, 11, requires_grad=True)
    warp(image, u).sum().backward()
    assert u.grad is not None


def test_the_flow_of_a_linear_velocity_is_its_exponential():
    rates = torch.tensor([0.3, -0.2, 0.1]).reshape(1, 3, 1, 1, 1)
    place = torch.stack(torch.meshgrid(*(torch.arange(16.0) - 7.5 for _ in range(3)), indexing="ij"))[None]
    u = integrate(rates * place, squarings=8)
    inner = (slice(None), slice(None), *[slice(4, -4)] * 3)
    assert torch.allclose(u[inner], ((rates.exp() - 1) * place)[inner], atol=5e-3)


def test_integration_is_voxelmorph_s_away_from_the_borders():
    import voxelmorph as vxm

    knots = torch.randn(1, 3, 5, 5, 5, generator=torch.Generator().manual_seed(1))
    velocity = torch.nn.functional.interpolate(knots, size=(20, 22, 24), mode="trilinear")
    theirs = vxm.nn.modules.IntegrateVelocityField(steps=5)(velocity)
    inner = (slice(None), slice(None), *[slice(5, -5)] * 3)
    assert torch.allclose(integrate(velocity, 5)[inner], theirs[inner], atol=1e-4)


def test_squared_gradient_of_a_linear_field_is_the_square_of_its_matrix():
    matrix = torch.tensor([[0.1, -0.2, 0.3], [0.0, 0.4, 0.0], [0.5, 0.0, -0.1]], dtype=torch.float64)
    points = torch.stack(
        torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (5, 6, 7)), indexing="ij")
    )
    u = torch.einsum("ij,jdhw->idhw", matrix, points)[None]
    assert float(squared_gradient(u)) == pytest.approx(float(matrix.square().sum()))


def test_squared_gradient_does_not_depend_on_the_size_of_the_image():
    small, large = (torch.stack([torch.arange(n).float().expand(n, n, n)] * 3)[None] for n in (6, 20))
    assert float(squared_gradient(small)) == pytest.approx(float(squared_gradient(large)))
