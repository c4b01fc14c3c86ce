"""Differentiable mutual information with Parzen windows, at a cost that does not grow with voxels x bins.

The window of an intensity v in [0, 1] on bin b of `bins` centres linspace(0, 1, bins), h = 1 / (bins - 1) apart, is

    w_b(v) = W((v - centre_b) / h) / sum_k W((v - centre_k) / h),

with W a Gaussian of standard deviation `sigma` (the paper's eqs 4 and 5) or the cubic B-spline (Mattes et al. 2003), so
that a voxel's weights sum to one. The joint table is p(b, c) = mean over voxels of w_b(fixed) w_c(moving), the paper's
eq. 6 with the sum it needs (over voxels, not over all pairs of samples), and MI = sum p log(p / (p_b p_c)) in nats
(eq. 3): probabilities, not densities, so MI does not scale with the number of bins.

How it is computed, whatever the number of bins, with one random access a voxel each way: models/parzen.py.
"""

import torch
from torch import Tensor

from regbench.models.parzen import JointTable, Window, parzen_windows


def mutual_information(
    fixed: Tensor,
    moving: Tensor,
    *,
    bins: int = 32,
    sigma: float = 0.5,
    mask: Tensor | None = None,
    window: Window = "gaussian",
) -> Tensor:
    """MI of two images in nats, one value an image pair of the batch: (B,) float32.

    `fixed` and `moving`: (B, ...) of equal shape, any number of channels and spatial axes (all voxels of an item count),
    intensities in [0, 1]; what lies outside is clamped, and has no gradient. `window`: "gaussian", with `sigma` its
    standard deviation in bin widths (0.5 is also MONAI's default), or "bspline" (cubic; `sigma` plays no part).
    `mask`: (B or 1, ...) bool that broadcasts to `fixed`, the voxels that count. Gradients go to both images; an empty
    mask or a constant image gives 0, a NaN or infinity anywhere in an item gives NaN.

    Raises ValueError on shapes that differ, a mask that is not bool, fewer than two bins, an unknown window, or a sigma
    that is not positive or too narrow.
    """
    joint = joint_table(fixed, moving, bins=bins, sigma=sigma, mask=mask, window=window)
    fixed_entropy, moving_entropy, joint_entropy = _entropies(joint)
    return (fixed_entropy + moving_entropy - joint_entropy).float()


def normalised_mutual_information(
    fixed: Tensor,
    moving: Tensor,
    *,
    bins: int = 32,
    sigma: float = 0.5,
    mask: Tensor | None = None,
    window: Window = "gaussian",
) -> Tensor:
    """NMI = (H(fixed) + H(moving)) / H(fixed, moving), 1 to 2 (Studholme et al. 1999): (B,) float32, else as MI.

    1 for constant images, and for an empty mask, which has no entropy to divide by.
    """
    joint = joint_table(fixed, moving, bins=bins, sigma=sigma, mask=mask, window=window)
    fixed_entropy, moving_entropy, joint_entropy = _entropies(joint)
    known = joint_entropy > 1e-12
    ratio = (fixed_entropy + moving_entropy) / torch.where(known, joint_entropy, 1.0)
    unknown = joint_entropy.isnan()
    return torch.where(known | unknown, ratio, 1.0).float()


def joint_table(
    fixed: Tensor,
    moving: Tensor,
    *,
    bins: int = 32,
    sigma: float = 0.5,
    mask: Tensor | None = None,
    window: Window = "gaussian",
) -> Tensor:
    """p(b, c), the joint probabilities of the two images' windows: (B, bins, bins) float64, differentiable in both images.

    Arguments and errors as in `mutual_information`; an empty mask gives zeros, a NaN in an item NaN in its table.
    """
    if fixed.shape != moving.shape or fixed.ndim < 2:
        raise ValueError(
            f"fixed {tuple(fixed.shape)} and moving {tuple(moving.shape)}: expected one shape (B, ...)"
        )
    if mask is not None and (mask.dtype != torch.bool or mask.ndim != fixed.ndim):
        raise ValueError(
            f"mask of {mask.dtype}, {tuple(mask.shape)}: expected bool that broadcasts to the images"
        )
    windows = parzen_windows(bins, sigma, window, fixed.device)
    keep = None if mask is None else mask.expand_as(fixed).reshape(len(fixed), -1).contiguous()
    with torch.autocast(fixed.device.type, enabled=False):
        pair = [image.float().reshape(len(image), -1).contiguous() for image in (fixed, moving)]
        return JointTable.apply(*pair, keep, windows)  # type: ignore[no-any-return]


def _entropies(joint: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Entropies in nats of the fixed image, the moving image and both, of (B, bins, bins): each (B,) float64."""
    return _entropy(joint.sum(2)), _entropy(joint.sum(1)), _entropy(joint.flatten(1))


def _entropy(p: Tensor) -> Tensor:
    """-sum p log p of (B, n); where p is 0 (or, by the polynomials' error, less) it adds nothing and has no slope."""
    known = (p > 0) | p.isnan()
    return -torch.where(known, p * torch.where(known, p, 1.0).log(), 0.0).sum(1)
