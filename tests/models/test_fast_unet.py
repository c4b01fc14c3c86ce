"""The fast network: sizes, first field, where its half-resolution voxels lie, and fields that do not fold."""

import pytest
import torch

from regbench.models.fast_unet import FastUNet

SMALL = FastUNet(widths=(4, 6, 8), squarings=4)


def images(*shape):
    return torch.rand(2, 1, *shape), torch.rand(2, 1, *shape)


def set_velocity(network, velocity):
    """Make the network give this velocity (1, 3, d, h, w), whatever it is shown."""
    network.velocity = lambda pair: velocity
    return network


@pytest.mark.parametrize("shape", [(16, 24, 8), (13, 18, 21), (9, 8, 11)])
def test_displacement_has_the_size_of_the_images_and_the_velocity_half_of_it(shape):
    displacement, velocity = SMALL(*images(*shape))
    assert displacement.shape == (2, 3, *shape)
    assert velocity.shape == (2, 3, *(-(-n // 8) * 4 for n in shape))


def test_training_starts_from_the_identity():
    assert float(FastUNet()(*images(32, 32, 32))[0].detach().abs().max()) < 1e-2


def test_every_voxel_of_both_images_matters():
    first, second = (image.requires_grad_() for image in images(8, 16, 8))
    SMALL(first, second)[0].square().sum().backward()
    assert all((image.grad != 0).all() for image in (first, second))


def test_a_block_s_voxel_lies_in_the_middle_of_its_voxels():
    place = torch.stack(torch.meshgrid(*(torch.arange(float(n)) for n in (8, 10, 12)), indexing="ij"))[None]
    network = set_velocity(FastUNet((4,), squarings=0), 0.1 * place)
    displacement, _ = network(*(torch.zeros(1, 1, 16, 20, 24) for _ in range(2)))
    full = torch.stack(torch.meshgrid(*(torch.arange(float(n)) for n in (16, 20, 24)), indexing="ij"))[None]
    inner = (slice(None), slice(None), *[slice(1, -1)] * 3)
    assert torch.allclose(displacement[inner], 0.1 * (full - 0.5)[inner], atol=1e-5)


def test_smooth_velocities_several_voxels_long_do_not_fold():
    generator = torch.Generator().manual_seed(0)
    knots = torch.randn(1, 3, 4, 4, 4, generator=generator)
    velocity = 3 * torch.nn.functional.interpolate(knots, size=(24, 24, 24), mode="trilinear")
    u, _ = set_velocity(FastUNet((4,), 6), velocity)(*(torch.zeros(1, 1, 48, 48, 48) for _ in range(2)))
    slopes = torch.stack([u.diff(dim=axis)[..., :47, :47, :47] for axis in (2, 3, 4)], dim=-1)
    jacobian = torch.linalg.det(slopes.movedim(1, -2) + torch.eye(3))
    assert float(u.norm(dim=1).max()) > 5
    assert float(jacobian.min()) > 0


@pytest.mark.parametrize("wrong", [{"widths": ()}, {"squarings": -1}])
def test_settings_without_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="widths"):
        FastUNet(**wrong)
