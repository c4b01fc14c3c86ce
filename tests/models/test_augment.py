"""Random warps of training pairs."""

import torch

from regbench.models.augment import smooth_field, warped_apart

IMAGES = torch.rand(2, 1, 24, 20, 28, generator=torch.Generator().manual_seed(3))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_field_has_the_length_asked_for_and_is_smooth():
    field = smooth_field(IMAGES, 1.5, generator(0))
    assert field.shape == (2, 3, 24, 20, 28)
    torch.testing.assert_close(field.norm(dim=1).mean(), torch.tensor(1.5))
    steps = [field.diff(dim=axis).abs().max() for axis in (2, 3, 4)]
    assert max(steps) < 1  # no folding: neighbours never change places


def test_the_two_images_of_a_pair_are_warped_apart_and_reproducibly():
    fixed, moving = warped_apart(IMAGES, IMAGES, 1.0, generator(0))
    again, _ = warped_apart(IMAGES, IMAGES, 1.0, generator(0))
    assert not torch.equal(fixed, moving)
    assert torch.equal(fixed, again)


def test_no_length_changes_nothing():
    fixed, moving = warped_apart(IMAGES, IMAGES, 0.0, generator(0))
    assert fixed is IMAGES
    assert moving is IMAGES
