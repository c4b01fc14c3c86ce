"""Differentiable mutual information with Gaussian Parzen windows, at a cost that does not grow with voxels x bins.

The window of an intensity v in [0, 1] on bin b of `bins` centres linspace(0, 1, bins) is

    w_b(v) = exp(-(v - centre_b)^2 / 2 s^2) / sum_k exp(-(v - centre_k)^2 / 2 s^2),    s = sigma / (bins - 1),

so that a voxel's weights sum to one. The joint table is p(b, c) = mean over voxels of w_b(fixed) w_c(moving), which is
the paper's eq. 6 with the sum it needs (over voxels, not over all pairs of samples), and MI = sum p log(p / (p_b p_c)) in
nats (eq. 3): probabilities, not densities, so MI does not scale with the number of bins.

How it is computed. Intensities are cut into `cells` levels, a few to a window's width, and within a cell a window is its
quadratic through Chebyshev nodes (error 1e-4 of its height at most, and of either sign). The joint table then needs only
the moments of the voxels in each pair of cells (count, t, t^2, of the position t in the cell), which are sums of whole
numbers: exact, and the same in any order. The gradient is a look-up in the table of derivatives, with the same quadratics.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

CELLS_PER_SIGMA = 5  # measured: value within 1e-5 and gradient within 2e-4 (relative L2) of dense float64
MIN_CELLS, MAX_CELLS = 64, 4096
UNIT = 1 << 14  # positions in a cell are whole multiples of 1 / UNIT: finer than float32 intensities resolve
ORDERS = (
    (0, 0),
    (1, 0),
    (0, 1),
    (2, 0),
    (1, 1),
    (0, 2),
)  # powers of (fixed, moving) positions; third order is dropped
CHUNK = 1 << 17  # voxels worked on at a time on a CPU, so that temporaries stay in its cache


class Windows(NamedTuple):
    """Quadratics of the windows and of their derivatives by cell: (3, cells, bins) float32, by power of t."""

    value: Tensor
    slope: Tensor


def mutual_information(
    fixed: Tensor, moving: Tensor, *, bins: int = 32, sigma: float = 0.5, mask: Tensor | None = None
) -> Tensor:
    """MI of two images in nats, one value an image pair of the batch: (B,) float32.

    `fixed` and `moving`: (B, ...) of equal shape, any number of channels and spatial axes (all voxels of an item count),
    intensities in [0, 1]; what lies outside is clamped, and has no gradient. `sigma`: the window's standard deviation in
    bin widths (0.5 is also MONAI's default). `mask`: (B or 1, ...) bool that broadcasts to `fixed`, the voxels that count.
    Gradients go to both images; an empty mask or a constant image gives 0, a NaN anywhere gives NaN.

    Raises ValueError on shapes that differ, fewer than two bins, or a sigma that is not positive or too narrow.
    """
    if fixed.shape != moving.shape or fixed.ndim < 2:
        raise ValueError(
            f"fixed {tuple(fixed.shape)} and moving {tuple(moving.shape)}: expected one shape (B, ...)"
        )
    cells = _cells(bins, sigma)
    keep = None if mask is None else mask.expand_as(fixed).reshape(len(fixed), -1)
    with torch.autocast(fixed.device.type, enabled=False):
        windows = _windows(bins, sigma, cells, fixed.device)
        pair = [image.float().reshape(len(image), -1) for image in (fixed, moving)]
        return _Parzen.apply(*pair, keep, windows)  # type: ignore[no-any-return]


def _cells(bins: int, sigma: float) -> int:
    """Number of intensity cells that hold the stated accuracy."""
    if bins < 2 or not sigma > 0:
        raise ValueError(
            f"bins={bins}, sigma={sigma}: expected at least 2 bins and a positive sigma (in bin widths)"
        )
    cells = max(MIN_CELLS, round(CELLS_PER_SIGMA * (bins - 1) / sigma))
    if cells > MAX_CELLS:
        least = CELLS_PER_SIGMA * (bins - 1) / MAX_CELLS
        raise ValueError(f"sigma={sigma} is too narrow for {bins} bins: the least is {least:.3g} bin widths")
    return cells


@lru_cache(maxsize=8)
def _windows(bins: int, sigma: float, cells: int, device: torch.device) -> Windows:
    """Chebyshev interpolation of w_b(v) and dw_b/dv in each cell, as coefficients of 1, t, t^2 with t in [-1/2, 1/2]."""
    nodes = 0.5 * torch.cos(torch.pi * torch.tensor([1, 3, 5], dtype=torch.float64) / 6)
    to_powers = torch.linalg.inv(torch.stack([nodes**0, nodes, nodes**2], dim=1))
    v = (torch.arange(cells, dtype=torch.float64) + 0.5 + nodes[:, None]) / cells
    centres = torch.linspace(0, 1, bins, dtype=torch.float64)
    scale = (bins - 1) / sigma
    z = (v[..., None] - centres) * scale
    window = torch.softmax(-0.5 * z.square(), dim=-1)
    slope = window * ((window * z).sum(-1, keepdim=True) - z) * scale
    return Windows(*(torch.einsum("pn,ncb->pcb", to_powers, a).float().to(device) for a in (window, slope)))


class _Parzen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fixed: Tensor, moving: Tensor, keep: Tensor | None, windows: Windows) -> Tensor:
        a, cells = windows.value, windows.value.shape[1]
        moments = _moments(fixed, moving, keep, cells)  # (6, B, cells, cells)
        count = moments[0].sum((-2, -1), keepdim=True).clamp_min(1.0)
        terms = [a[i].T @ (m / count).float() @ a[j] for (i, j), m in zip(ORDERS, moments, strict=True)]
        joint = torch.stack(terms).sum(0).double()  # (B, bins, bins)
        joint = joint.clamp_min(0.0)  # a quadratic may dip below zero in a window's tail
        product = joint.sum(2, keepdim=True) * joint.sum(1, keepdim=True)
        ratio = torch.where(joint > 0, torch.log(joint / product.clamp_min(1e-300)), 0.0)
        ctx.save_for_backward(fixed, moving, keep, ratio, count)
        ctx.windows = windows
        unknown = 0.0 * (fixed.sum(1) + moving.sum(1))  # NaN or infinity in an image must show in its MI
        return (joint * ratio).sum((1, 2)).float() + unknown

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        fixed, moving, keep, ratio, count = ctx.saved_tensors
        (a, slope), ratio = ctx.windows, ratio.float()
        scale = (grad[0] / count[:, 0, 0])[:, None, None].float()
        tables: list[list[Tensor] | None] = [None, None]
        if ctx.needs_input_grad[0]:
            tables[0] = [scale * (slope[i] @ ratio @ a[j].T) for i, j in ORDERS]
        if ctx.needs_input_grad[1]:
            tables[1] = [scale * (a[i] @ ratio @ slope[j].T) for i, j in ORDERS]
        grads = _look_up(tables, fixed, moving, keep, a.shape[1])
        return grads[0], grads[1], None, None


def _moments(fixed: Tensor, moving: Tensor, keep: Tensor | None, cells: int) -> Tensor:
    """Sums of tf^i tm^j over the voxels of each pair of cells: (6, B, cells, cells) float64, in the order of ORDERS."""
    table = torch.zeros(len(ORDERS), len(fixed), cells * cells, dtype=torch.int64, device=fixed.device)
    for item, part in _parts(fixed):
        f, tf = _locate(fixed[item, part], cells)
        m, tm = _locate(moving[item, part], cells)
        index = f.mul_(cells).add_(m).long()
        tf, tm = (t.mul_(UNIT).round_().long() for t in (tf, tm))
        one = torch.ones_like(tf) if keep is None else keep[item, part].long()
        if keep is not None:
            tf, tm = tf * one, tm * one
        for row, weight in zip(table[:, item], (one, tf, tm, tf * tf, tf * tm, tm * tm), strict=True):
            row.scatter_add_(0, index, weight)
    unit = torch.tensor([UNIT ** -(i + j) for i, j in ORDERS], dtype=torch.float64, device=fixed.device)
    return (table * unit[:, None, None]).reshape(*table.shape[:2], cells, cells)


def _look_up(
    tables: list[list[Tensor] | None], fixed: Tensor, moving: Tensor, keep: Tensor | None, cells: int
) -> list[Tensor | None]:
    """The gradient of each image that has a table: its six (B, cells, cells) coefficients, evaluated at every voxel."""
    grads = [None if table is None else torch.empty_like(fixed) for table in tables]
    for item, part in _parts(fixed):
        f, tf = _locate(fixed[item, part], cells)
        m, tm = _locate(moving[item, part], cells)
        index = f.mul_(cells).add_(m).long()
        for image, table, grad in zip((fixed, moving), tables, grads, strict=True):
            if table is None or grad is None:
                continue
            c, cf, cm, cff, cfm, cmm = (t[item].reshape(-1).take(index) for t in table)
            cf.addcmul_(cff, tf).addcmul_(cfm, tm)
            cm.addcmul_(cmm, tm)
            c.addcmul_(cf, tf).addcmul_(cm, tm)
            outside = (image[item, part] < 0) | (image[item, part] > 1)
            grad[item, part] = c.masked_fill_(outside if keep is None else outside | ~keep[item, part], 0.0)
    return grads


def _locate(v: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Cell (whole number, as float) and position in it, -1/2 to 1/2, of each intensity. NaN goes to cell 0."""
    x = v.nan_to_num(0.0).clamp_(0.0, 1.0).mul_(cells)
    cell = x.floor().clamp_(max=cells - 1)
    return cell, x.sub_(cell).sub_(0.5)


def _parts(images: Tensor) -> list[tuple[int, slice]]:
    """(item of the batch, range of voxels) that are worked on at a time."""
    batch, voxels = images.shape
    step = CHUNK if images.device.type == "cpu" else max(voxels, 1)
    return [(item, slice(start, start + step)) for item in range(batch) for start in range(0, voxels, step)]
