"""Masks in a training: a second channel beside the image, so that whatever warps an image warps its mask alike."""

from torch import Tensor

from regbench.models.mutual_information import mutual_information

WHOLE = 0.9999  # an interpolated mask above it was made from voxels inside


def masked_information(fixed: Tensor, warped: Tensor, bins: int, sigma: float) -> Tensor:
    """MI in nats (B,) of images (B, 1, D, H, W); of (B, 2, D, H, W) over the voxels that lie in both second channels."""
    keep = None if fixed.shape[1] == 1 else (fixed[:, 1:] > WHOLE) & (warped[:, 1:] > WHOLE)
    return mutual_information(fixed[:, :1], warped[:, :1], bins=bins, sigma=sigma, mask=keep)
