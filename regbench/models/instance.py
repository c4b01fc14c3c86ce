"""Registration of one pair by optimisation: compositional steps on mutual information, then on local correlation.

Coarse to fine. Each step moves along the similarity's gradient (by a move that is composed with the field so far, hence
with the gradient of the warped image), smoothed (a fluid regularisation) and scaled per voxel by Adam's running moments
(Kingma and Ba 2015), is composed with the field so far, and the field is smoothed (an elastic one), as in greedy
diffeomorphic registration (Joshi et al. 2004; Avants et al. 2008; Jena et al. 2024 for the scaling).

The global term is differentiable mutual information (models/mutual_information.py). The local one is the squared
correlation in a window (Avants et al. 2008), taken both ways between each image and what the other says of it: the
conditional means E[fixed | moving] and E[moving | fixed] under the present field, which carry one contrast into the other
(Roche et al. 1998) and change nothing where the contrasts agree.

With masks only voxels within both count, the moving one carried along by the field, in either term and in what the
contrasts say of each other; what is outside is filled in from around, so that its edge pulls nowhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from regbench.models import correlation_cpu
from regbench.models.compiled import COMPILED_FOR
from regbench.models.masked import WHOLE
from regbench.models.mutual_information import mutual_information
from regbench.models.warp import warp

SMALLEST = 8  # voxels along an axis below which an image is not reduced
FLOOR = 1e-5  # added to covariance^2 and to the product of variances (intensities in [0, 1]): flat windows pull nowhere
BACKGROUND = 0.02  # intensities below stay what they are when contrasts are carried over
RARE = 1e-6  # voxels in a bin of intensities, below which it says nothing of the other contrast
BETAS = 0.9, 0.99  # Adam's
NEGLIGIBLE = 1e-9  # a Gaussian's weights below this, of its largest, are left out
FILL = 2.0  # voxels, the SD that what is outside a mask is filled in with
Inside = Callable[
    [Tensor], Tensor | None
]  # the voxels that count (D, H, W) bool under a displacement; None: all


@dataclass(frozen=True)
class Level:
    """`steps` on images reduced by `factor`; `elastic`: SD in voxels of this level of the smoothing of the field."""

    factor: int
    steps: int
    term: Literal["global", "local"]
    elastic: float


@dataclass(frozen=True)
class InstanceSettings:
    """How a pair is optimised.

    `bins`, `sigma`: Parzen windows of the global term. `radius`: of the local term's window, voxels. `step`: the move
    along an axis, voxels, where the gradient keeps its direction. `fluid`: SD in voxels of the smoothing of each
    gradient. `epsilon`: Adam's, in similarity a voxel moved; where less is to be gained the move is shorter, and ends.
    `remap`: steps after which the contrasts are carried over anew.
    """

    levels: Sequence[Level]
    bins: int
    sigma: float
    radius: int
    step: float
    fluid: float
    epsilon: float
    remap: int


@torch.no_grad()
def optimise(
    fixed: Tensor,
    moving: Tensor,
    settings: InstanceSettings,
    start: Tensor | None = None,
    masks: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Displacement (3, D, H, W) in voxels, pull-back, from `start` on (the identity).

    Images (D, H, W) float32 in [0, 1]; `masks`: of both, (D, H, W) bool.
    """
    u = torch.zeros(3, *fixed.shape, device=fixed.device) if start is None else start
    for level in settings.levels:
        if masks is None:
            f, m, inside = reduced(fixed, level.factor), reduced(moving, level.factor), _everywhere
        else:
            (f, of_f), (m, of_m) = (
                reduced_inside(image, mask, level.factor)
                for image, mask in zip((fixed, moving), masks, strict=True)
            )
            inside = _within(of_f, of_m)
        u = _resized_field(u, tuple(f.shape))
        u = _descend(f, m, u, level, settings, inside)
    return _resized_field(u, tuple(fixed.shape))


def reduced(image: Tensor, factor: int) -> Tensor:
    """An image (D, H, W) smoothed and sampled at `factor` times fewer points an axis, corners kept."""
    if factor == 1:
        return image
    shape = tuple(max(round(n / factor), min(n, SMALLEST)) for n in image.shape)
    return _resized(smoothed(image, 0.4 * factor)[None], shape)[0]


def reduced_inside(image: Tensor, mask: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """`reduced` from the voxels of a mask (D, H, W) bool alone: the image, filled in outside, and the mask so reduced."""
    share = reduced(mask.float(), factor)
    inside = (share > 0.5).float()
    image = inside * reduced(image * mask, factor) / share.clamp_min(0.5)
    filled = smoothed(image, FILL) / smoothed(inside, FILL).clamp_min(1e-3)
    return torch.where(inside > 0, image, filled), inside > 0


def smoothed(x: Tensor, sd: float) -> Tensor:
    """Gaussian of SD `sd` voxels along the last three axes, renormalised at the borders. Three products with matrices."""
    return x if sd <= 0 else _along_axes(x, lambda n: _gaussian(n, sd, x.device))


def local_correlation(
    image: Tensor, radius: int, mask: Tensor | None = None
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The squared local correlation with `image` (D, H, W): a function of another to (its mean, its voxel gradient sum).

    It is (covariance^2 + FLOOR) / (variance variance + FLOOR), 1 for images alike. Windows are boxes of 2 radius + 1
    voxels; the gradient is of the sum over voxels, exact within the box filters. With a mask (D, H, W) bool, voxels outside
    are neither in a window nor the middle of one.
    """

    def mean_of(x: Tensor) -> Tensor:
        return _along_axes(x, lambda n: _box(n, radius, x.device))

    share = 1.0 if mask is None else mask / mean_of(mask.float()).clamp_min(1e-6)

    def box(x: Tensor) -> Tensor:
        return mean_of(x) if mask is None else mean_of(x * mask) * share

    def turned(x: Tensor) -> Tensor:
        """What `box` makes of a gradient: its transpose."""
        return mean_of(x) if mask is None else mean_of(x * share) * mask

    mean, square = box(torch.stack([image, image * image]))
    variance = square - mean * mean
    if mask is None and image.device.type in COMPILED_FOR:
        return partial(correlation_cpu.correlate, image, mean, variance, radius, FLOOR)

    def correlate(other: Tensor) -> tuple[Tensor, Tensor]:
        other_mean, other_square, product = box(torch.stack([other, other * other, image * other]))
        covariance = product - mean * other_mean
        inverse = 1 / (variance * (other_square - other_mean * other_mean) + FLOOR)
        correlation = (covariance * covariance + FLOOR) * inverse
        a = 2 * covariance * inverse
        c = 2 * correlation * inverse * variance
        back = turned(torch.stack([a, c, a * mean - c * other_mean]))
        gradient = image * back[0] - other * back[1] - back[2]
        return (correlation if mask is None else correlation[mask]).mean(), gradient

    return correlate


def carried_over(
    image: Tensor, of: Tensor, seen: Tensor, bins: int = 64, mask: Tensor | None = None
) -> Tensor:
    """`image` in the contrast of another: E[of | seen] at the intensities of `image`; background stays.

    `of` and `seen` (D, H, W) lie on each other, and count in `mask`; the mean is over Parzen windows of 1.5 bins. An
    intensity near none that is seen has the mean of the nearest that is.
    """
    both = (of > 0) & (seen > 0)
    inside = (both if mask is None else both & mask).flatten().double()
    index = (seen.flatten().clamp(0, 1) * (bins - 1)).round().long()
    sums = torch.zeros(2, bins, dtype=torch.float64, device=image.device)
    sums[0].scatter_add_(0, index, inside * of.flatten())
    sums[1].scatter_add_(0, index, inside)
    of_bins, count = sums @ _gaussian(bins, 1.5, image.device).double().T
    means = (of_bins / count.clamp_min(RARE)).float()[_nearest(count > RARE)]
    position = image.clamp(0, 1) * (bins - 1)
    low = position.floor().long().clamp(max=bins - 2)
    part = position - low
    value = means[low] * (1 - part) + means[low + 1] * part
    return torch.where(image > BACKGROUND, value, image)


def _descend(
    fixed: Tensor, moving: Tensor, u: Tensor, level: Level, settings: InstanceSettings, inside: Inside
) -> Tensor:
    first, second = torch.zeros_like(u), torch.zeros_like(u)
    ascent = _global(fixed, moving, settings, inside)
    for t in range(1, level.steps + 1):
        if level.term == "local" and (t - 1) % settings.remap == 0:
            ascent = _local(fixed, moving, u, settings.radius, inside(u))
        gradient = smoothed(ascent(u), settings.fluid)
        first.lerp_(gradient, 1 - BETAS[0])
        second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        scale = (second / (1 - BETAS[1] ** t)).sqrt_() + settings.epsilon
        move = first / scale * (settings.step / (1 - BETAS[0] ** t))
        u = smoothed(move + warp(u[None], move[None], beyond="border")[0], level.elastic)
    return u


def _everywhere(u: Tensor) -> None:
    return None


def _within(fixed: Tensor, moving: Tensor) -> Inside:
    """Voxels in the fixed mask whose place in the moving image lies in its mask, with all that it is interpolated from."""
    floating = moving.float()[None, None]
    return lambda u: fixed & (warp(floating, u[None])[0, 0] > WHOLE)


def _global(
    fixed: Tensor, moving: Tensor, settings: InstanceSettings, inside: Inside
) -> Callable[[Tensor], Tensor]:
    """The gradient of mutual information by a move, as a function of the displacement that it is composed with."""

    def ascent(u: Tensor) -> Tensor:
        warped, mask = warp(moving[None, None], u[None])[0], inside(u)
        keep = None if mask is None else mask[None]
        count = fixed.numel() if mask is None else mask.sum()
        with torch.enable_grad():
            seen = warped.clone().requires_grad_()
            mi = mutual_information(fixed[None], seen, bins=settings.bins, sigma=settings.sigma, mask=keep)
            (slope,) = torch.autograd.grad(mi.sum(), seen)
        return _spatial_gradient(warped[0]).mul_(slope * count)

    return ascent


def _local(
    fixed: Tensor, moving: Tensor, u: Tensor, radius: int, mask: Tensor | None
) -> Callable[[Tensor], Tensor]:
    """The gradient of the local correlations both ways, with the contrasts carried over as they are under `u`."""
    warped = warp(moving[None, None], u[None])[0, 0]
    images = torch.stack([carried_over(moving, of=fixed, seen=warped, mask=mask), moving])
    correlations = (
        local_correlation(fixed, radius, mask),
        local_correlation(carried_over(fixed, of=warped, seen=fixed, mask=mask), radius, mask),
    )

    def ascent(u: Tensor) -> Tensor:
        both = zip(warp(images[None], u[None])[0], correlations, strict=True)
        one, other = (_spatial_gradient(warped).mul_(correlate(warped)[1]) for warped, correlate in both)
        return one.add_(other)

    return ascent


def _spatial_gradient(image: Tensor) -> Tensor:
    """Central differences a voxel (3, D, H, W) of an image (D, H, W), 0 at the borders."""
    gradient = torch.zeros(3, *image.shape, device=image.device)
    for axis in range(3):
        to, v = gradient[axis].movedim(axis, -1), image.movedim(axis, -1)
        torch.sub(v[..., 2:], v[..., :-2], out=to[..., 1:-1]).mul_(0.5)
    return gradient


def _nearest(known: Tensor) -> Tensor:
    """For each place along `known` (n,) bool the nearest one that is, of two alike the first; 0 where there is none."""
    place = torch.arange(len(known), device=known.device)
    distance = (place[:, None] - place).abs()
    return torch.where(known, distance, len(known)).argmin(dim=1)


def _resized_field(u: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A field in voxels on another grid with the same corners, in voxels of that grid."""
    if tuple(u.shape[1:]) == shape:
        return u
    scale = [(new - 1) / max(old - 1, 1) for old, new in zip(u.shape[1:], shape, strict=True)]
    return _resized(u, shape) * torch.tensor(scale, device=u.device)[:, None, None, None]


def _resized(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return F.interpolate(x[None], size=list(shape), mode="trilinear", align_corners=True)[0]


def _along_axes(x: Tensor, matrix: Callable[[int], Tensor]) -> Tensor:
    """Multiply each of the last three axes by a square matrix of its length."""
    d, h, w = x.shape[-3:]
    x = matrix(h) @ (x @ matrix(w).T)
    return (matrix(d) @ x.reshape(*x.shape[:-3], d, h * w)).reshape(x.shape)


@lru_cache(maxsize=64)
def _gaussian(n: int, sd: float, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # cached: a tensor made while inferring could not be used in training
        i = torch.arange(n, dtype=torch.float64)
        weights = torch.exp(-0.5 * ((i[:, None] - i) / sd) ** 2)
        weights[weights < NEGLIGIBLE] = 0  # subnormal numbers make a product ten times slower on some CPUs
        return (weights / weights.sum(1, keepdim=True)).float().to(device)


@lru_cache(maxsize=64)
def _box(n: int, radius: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        i = torch.arange(n)
        return ((i[:, None] - i).abs() <= radius).float().div(2 * radius + 1).to(device)
