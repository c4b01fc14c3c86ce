"""Parzen windows of intensities and their joint table, differentiable, at a cost that does not grow with voxels x bins.

Intensities are cut into cells about a quarter of a window's standard deviation wide, and within a cell a window is its
polynomial through Chebyshev nodes. The joint table then needs only the moments of the voxels in each pair of cells
(sums of s^i t^j, of the positions s and t in the cells), which are sums of whole numbers: exact, and the same in any
order. The gradient is a look-up of the voxel's pair of cells in the table of derivatives, with the same polynomials.
Per voxel that is one random access each way, whatever the number of bins; the tables grow with bins^2, and what that
costs depends on how much of them an image visits.
"""

import logging
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from regbench.models import parzen_cpu
from regbench.models.compiled import COMPILED_FOR

Window = Literal["gaussian", "bspline"]
LOG = logging.getLogger(__name__)

# Mean error of a voxel's weights, and mean size of the products s^i t^j that are dropped: together they hold the value
# within 1e-5 and the gradient within 1e-3 (relative, L2) of dense float64 for sigma from 0.5, on images a quarter of it.
WINDOW_ERROR, DROPPED = 1e-4, 3e-4
CELLS_A_BIN = sorted([2**power for power in range(12)] + [3 * 2**power for power in range(10)])
MIN_CELLS, MAX_CELLS = 16, 3072
UNIT = 1 << 14  # positions in a cell are whole multiples of 1 / UNIT; squares add up exactly to 2^36 voxels
CHECKS = 8  # points a cell where the polynomial is compared with the window


class Windows(NamedTuple):
    """Polynomials of the windows and of their derivatives by cell: (degree + 1, cells, bins) float32, by power of t."""

    value: Tensor
    slope: Tensor

    @property
    def cells(self) -> int:
        return self.value.shape[1]

    def orders(self) -> list[tuple[int, int]]:
        """Powers (i, j) of the positions (s, t) up to the total degree; higher products are dropped."""
        degree = len(self.value) - 1
        return [(total - j, j) for total in range(degree + 1) for j in range(total + 1)]


@lru_cache(maxsize=8)
def parzen_windows(bins: int, sigma: float, window: Window, device: torch.device) -> Windows:
    """The windows in as few cells as hold WINDOW_ERROR and DROPPED.

    Raises ValueError on settings that make no sense or need too many cells.
    """
    if bins < 2 or not sigma > 0 or window not in ("gaussian", "bspline"):
        raise ValueError(
            f"bins={bins}, sigma={sigma}, window={window!r}: expected at least 2 bins, a positive sigma (in bin widths) "
            "and gaussian or bspline"
        )
    for a_bin in CELLS_A_BIN:  # a whole number: a spline's knots are on their borders
        if MIN_CELLS <= (cells := (bins - 1) * a_bin) <= MAX_CELLS:
            windows, error, dropped = _interpolate(bins, sigma, window, cells)
            if error < WINDOW_ERROR and dropped < DROPPED:
                return Windows(*(w.float().to(device) for w in windows))
    raise ValueError(
        f"sigma={sigma} is too narrow for {bins} bins: their windows need more than {MAX_CELLS} cells"
    )


def _interpolate(bins: int, sigma: float, window: Window, cells: int) -> tuple[Windows, float, float]:
    """Windows in `cells` cells (float64), the mean error of a voxel's weights, and the mean size of what is dropped."""
    degree = parzen_cpu.DEGREE
    k = torch.arange(degree + 1, dtype=torch.float64)
    nodes = 0.5 * torch.cos(torch.pi * (k + 0.5) / (degree + 1))
    to_powers = torch.linalg.inv(nodes[:, None] ** k)
    exact = _weights(nodes, cells, bins, sigma, window)
    windows = Windows(*(torch.einsum("pn,ncb->pcb", to_powers, w) for w in exact))
    checks = (torch.arange(CHECKS, dtype=torch.float64) + 0.5) / CHECKS - 0.5
    found = torch.einsum("np,pcb->ncb", checks[:, None] ** k, windows.value)
    error = (found - _weights(checks, cells, bins, sigma, window).value).abs().sum(-1)
    size = windows.value.abs().sum(-1).mean(1) * 0.5**k / (k + 1)  # of each power, over t in [-1/2, 1/2]
    high = k[:, None] + k > degree
    return windows, float(error.mean()), float((size[:, None] * size)[high].sum())


def _weights(t: Tensor, cells: int, bins: int, sigma: float, window: Window) -> Windows:
    """w_b(v) and dw_b/dv at the positions `t` (-1/2 to 1/2) of every cell: (positions, cells, bins)."""
    v = (torch.arange(cells, dtype=torch.float64) + 0.5 + t[:, None]) / cells
    z = v[..., None] * (bins - 1) - torch.arange(bins, dtype=torch.float64)  # in bin widths
    if window == "gaussian":
        value = torch.softmax(-0.5 * (z / sigma) ** 2, dim=-1)
        log_slope = -z / sigma**2
        return Windows(value, value * (log_slope - (value * log_slope).sum(-1, keepdim=True)) * (bins - 1))
    a = z.abs()
    spline = torch.where(a < 1, 2 / 3 - a**2 + a**3 / 2, (2 - a).clamp_min(0) ** 3 / 6)
    slope = torch.where(a < 1, -2 * z + 1.5 * z * a, -z.sign() * (2 - a).clamp_min(0) ** 2 / 2)
    total = spline.sum(-1, keepdim=True)
    value = spline / total
    return Windows(value, (slope - value * slope.sum(-1, keepdim=True)) / total * (bins - 1))


class JointTable(torch.autograd.Function):
    """p(b, c) of intensities `fixed`, `moving` (B, voxels) float32, of voxels `keep` (B, voxels) bool or None.

    (B, bins, bins) float64, differentiable in both images; intensities are clamped to [0, 1], with no gradient outside.
    Zeros where no voxel is kept; NaN or infinity anywhere in an item's images gives NaN everywhere in its table.
    """

    @staticmethod
    def forward(ctx: Any, fixed: Tensor, moving: Tensor, keep: Tensor | None, windows: Windows) -> Tensor:
        if fixed.device.type in COMPILED_FOR:
            compact = _compact(windows)
            found = [parzen_cpu.joint_sums(*item, compact, UNIT) for item in _items(fixed, moving, keep)]
            joint = torch.stack([table for table, _, _ in found])
            count = torch.tensor([number for _, number, _ in found]).clamp_min(1)
            ctx.occupied = [cells for _, _, cells in found]
        elif kernels := kernels_for(fixed.device):
            joint, count = kernels.joint_sums(fixed, moving, keep, windows, UNIT)
        else:
            joint, count = joint_sums(fixed, moving, keep, windows)
        ctx.save_for_backward(fixed, moving, keep, count)
        ctx.windows = windows
        return joint / count[:, None, None]

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None, None]:
        fixed, moving, keep, count = ctx.saved_tensors
        weight = grad[0] / count[:, None, None]
        grads: list[Tensor | None] = [None, None]
        for side in range(2):
            if not ctx.needs_input_grad[side]:
                continue
            if fixed.device.type in COMPILED_FOR:
                compact, of_moving = _compact(ctx.windows), side == 1
                out = grads[side] = torch.empty_like(fixed)
                items = zip(_items(fixed, moving, keep), weight, ctx.occupied, out, strict=True)
                for (f, m, k), w, occupied, grad_of_item in items:
                    parzen_cpu.gradient(f, m, k, of_moving, compact, w, occupied, grad_of_item)
            elif kernels := kernels_for(fixed.device):
                grads[side] = kernels.gradient(fixed, moving, keep, side == 1, ctx.windows, weight)
            else:
                grads[side] = gradient(fixed, moving, keep, side == 1, ctx.windows, weight)
        return grads[0], grads[1], None, None


@cache
def kernels_for(device: torch.device) -> Any:
    """models/parzen_cuda.py where its kernels run, tried at the first call, which waits for the device.

    Else None, the log says why, and the two passes below are taken. They need Triton, a C compiler and Python's headers.
    """
    if device.type != "cuda" or find_spec("triton") is None:
        return None
    try:
        from regbench.models import parzen_cuda

        parzen_cuda.try_out(device)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # of many kinds: no compiler, or one that does not know the device
        LOG.warning("mutual information on %s goes by torch alone, which is slower: %s", device, error)
        return None
    return parzen_cuda


def joint_sums(fixed: Tensor, moving: Tensor, keep: Tensor | None, windows: Windows) -> tuple[Tensor, Tensor]:
    """On any device: sums over voxels of w_b(fixed) w_c(moving), (B, bins, bins) float64, and of voxels, (B,) at least 1."""
    cells = windows.cells
    f, s = _locate(fixed, cells)
    m, t = _locate(moving, cells)
    index = f * cells + m
    s, t = ((x * UNIT).round().long() for x in (s, t))
    one = torch.ones_like(s) if keep is None else keep.long()
    joint, value = 0.0 * (fixed.sum(1) + moving.sum(1)).double()[:, None, None], windows.value.double()
    for i, j in windows.orders():
        moment = torch.zeros(len(fixed), cells * cells, dtype=torch.int64, device=fixed.device)
        moment.scatter_add_(1, index, one * s**i * t**j)
        moment = moment.double().reshape(-1, cells, cells) / UNIT ** (i + j)
        joint = joint + value[i].T @ moment @ value[j]
    return joint, one.sum(1).clamp_min(1)


def gradient(
    fixed: Tensor, moving: Tensor, keep: Tensor | None, of_moving: bool, windows: Windows, weight: Tensor
) -> Tensor:
    """On any device: sum over bins of weight_bc d(w_b w_c) at every voxel, of one image's intensity: (B, voxels)."""
    cells, image = windows.cells, moving if of_moving else fixed
    a, b = windows if of_moving else reversed(windows)
    f, s = _locate(fixed, cells)
    m, t = _locate(moving, cells)
    index, grad = f * cells + m, torch.zeros_like(image)
    sides = a.double() @ weight[:, None]  # (B, degree + 1, cells, bins)
    for i, j in windows.orders():
        coefficient = (sides[:, i] @ b[j].double().T).flatten(1).float()
        grad += coefficient.gather(1, index) * s**i * t**j
    outside = (image < 0) | (image > 1)
    return grad.masked_fill_(outside if keep is None else outside | ~keep, 0.0)


def _items(fixed: Tensor, moving: Tensor, keep: Tensor | None) -> list[tuple[Tensor, Tensor, Tensor | None]]:
    keeps = [None] * len(fixed) if keep is None else list(keep)
    return list(zip(fixed, moving, keeps, strict=True))


@lru_cache(maxsize=8)
def _compact(windows: Windows) -> parzen_cpu.Compact:
    return parzen_cpu.Compact(windows)


def _locate(v: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Cell (whole number) and position in it, -1/2 to 1/2, of each intensity. NaN goes to cell 0."""
    x = v.nan_to_num(0.0).clamp_(0.0, 1.0).mul_(cells)
    cell = x.floor().clamp_(max=cells - 1)
    return cell.long(), x.sub_(cell).sub_(0.5)
