"""The paper's network: sizes, first field, and what it is made of."""

import pytest
import torch
from torch import nn

from regbench.models.unet import LAYOUT, Conv3d, UNet

SMALL = UNet(encoder=(4, 6, 8), decoder=(8, 6, 4), final=(5,))


@pytest.mark.parametrize("shape", [(16, 24, 8), (13, 18, 21), (9, 8, 11)])
def test_field_has_the_size_of_the_images_whatever_it_is(shape):
    field = SMALL(torch.rand(2, 1, *shape), torch.rand(2, 1, *shape))
    assert field.shape == (2, 3, *shape)


def test_training_starts_from_the_identity():
    field = UNet()(torch.rand(1, 1, 32, 32, 32), torch.rand(1, 1, 32, 32, 32)).detach()
    assert float(field.abs().max()) < 1e-2


def test_images_are_padded_with_background_behind_their_last_voxels():
    images = [torch.rand(1, 1, 16, 16, 13) for _ in range(2)]
    padded = [nn.functional.pad(image, [0, 3]) for image in images]
    assert torch.allclose(SMALL(*images), SMALL(*padded)[..., :13], atol=1e-6)


def test_made_of_three_cubed_kernels_strides_and_leaky_rectifiers():
    network = UNet()
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv3d)]
    assert {m.kernel_size for m in convolutions} == {(3, 3, 3)}
    assert sum(m.stride == (2, 2, 2) for m in convolutions) == 4
    assert sum(isinstance(m, nn.LeakyReLU) for m in network.modules()) == len(convolutions) - 1
    assert not any(isinstance(m, nn.MaxPool3d | nn.AvgPool3d) for m in network.modules())


def test_full_resolution_needs_no_convolution_of_its_own():
    assert UNet((4, 4), (4, 4), ())(*torch.rand(2, 1, 1, 8, 8, 8)).shape == (1, 3, 8, 8, 8)


def test_widths_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="as many widths"):
        UNet(encoder=(4, 4), decoder=(4,))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("depth", [1, 2, 3, 6, 7, 12])
def test_a_small_image_in_two_halves_is_convolved_as_a_whole_one(depth, stride):
    halved = Conv3d(4, 5, stride)
    whole = nn.Conv3d(4, 5, 3, stride=stride, padding=1)
    whole.load_state_dict(halved.state_dict())
    image = torch.randn(1, 4, depth, 9, 6).contiguous(memory_format=LAYOUT)
    gradients = []
    for conv in (halved, whole):
        x = image.clone().requires_grad_()
        y = conv(x)
        gradients.append((y, *torch.autograd.grad(y.sin().sum(), [x, conv.weight, conv.bias])))
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)
