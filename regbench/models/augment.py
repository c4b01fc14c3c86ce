"""Training pairs made more various: both images of a pair warped by smooth random fields, drawn afresh at each step."""

import torch
from torch import Tensor
from torch.nn import functional as F

from regbench.models.parallel import Share
from regbench.models.warp import warp

ALL = Share()
KNOT_VOXELS = 8  # distance of the independent values that a field is interpolated from


def warped_apart(
    fixed: Tensor, moving: Tensor, length: float, generator: torch.Generator, share: Share = ALL
) -> tuple[Tensor, Tensor]:
    """Each image (B, 1, D, H, W) warped by a field of its own, of that mean length in voxels.

    A network trained without supervision needs no truth, so every warp of a training image makes a new training pair;
    with a few subjects it is this that keeps it from learning them by heart. A length of 0 changes nothing. The images
    are a process's `share` of a batch, for the whole of which fields are drawn.
    """
    if not length:
        return fixed, moving
    return tuple(warp(image, smooth_field(image, length, generator, share)) for image in (fixed, moving))  # type: ignore[return-value]


def smooth_field(image: Tensor, length: float, generator: torch.Generator, share: Share = ALL) -> Tensor:
    """A random displacement (B, 3, D, H, W) in voxels: normal values on a coarse lattice, smoothed and interpolated."""
    shape = image.shape[2:]
    lattice = [max(2, n // KNOT_VOXELS + 1) for n in shape]
    knots = torch.randn(image.shape[0] * share.world, 3, *lattice, generator=generator)
    knots = share.of(knots).to(image)
    field = F.interpolate(knots, size=[2 * n for n in lattice], mode="trilinear", align_corners=True)
    field = F.interpolate(field, size=list(shape), mode="trilinear", align_corners=True)
    lengths = field.norm(dim=1).mean(dim=(1, 2, 3))[:, None, None, None, None]
    return field * (length / lengths.clamp_min(1e-6))
