"""The joint sums of models/parzen.py and its gradient as kernels for GPUs: one random access a voxel each way.

Written in Triton, which torch brings along where it is built for CUDA. Nothing waits for the device, and the sums are of
whole numbers, hence the same in any order: a table has the same bits at each call.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import triton
from torch import Tensor
from triton import language as tl

if TYPE_CHECKING:
    from regbench.models.parzen import Windows

BLOCK, WARPS = 512, 4  # voxels and warps of a program
SLOTS = 8  # numbers a pair of cells: the terms of Windows.orders(), and two more, so that they fill sectors of memory
HALF_EVEN = tl.constexpr(1.5 * 2**23)  # added to a float32 and taken off again: the nearest whole number


def joint_sums(
    fixed: Tensor, moving: Tensor, keep: Tensor | None, windows: "Windows", unit: int
) -> tuple[Tensor, Tensor]:
    """Sums over voxels of w_b(fixed) w_c(moving), (B, bins, bins) float64, and of voxels, (B,) at least 1.

    `fixed`, `moving` (B, voxels) float32, `keep` (B, voxels) bool or None, all contiguous. NaN for an item that has an
    intensity of NaN or infinity. Positions in a cell are whole multiples of 1 / `unit`.
    """
    terms, cells = _terms(windows), windows.cells
    moments = torch.zeros(len(fixed), cells, cells, SLOTS, dtype=torch.int64, device=fixed.device)
    counts = torch.zeros(len(fixed), 2, dtype=torch.int64, device=fixed.device)
    _launch(_add_moments, (fixed, moving, keep), (moments, counts), cells, float(unit))
    rows = moments[..., : len(terms.degree)].movedim(-1, 1).double() @ terms.moving
    joint = torch.einsum("kfb,nkfc->nbc", terms.fixed * float(unit) ** -terms.degree, rows)
    return joint.masked_fill((counts[:, 1] > 0)[:, None, None], torch.nan), counts[:, 0].clamp_min(1)


def gradient(
    fixed: Tensor, moving: Tensor, keep: Tensor | None, of_moving: bool, windows: "Windows", weight: Tensor
) -> Tensor:
    """Sum over bins of weight_bc d(w_b w_c) at every voxel, of one image's intensity: (B, voxels) float32.

    `weight` (B, bins, bins) float64; images as `joint_sums` takes them.
    """
    terms, cells = _terms(windows), windows.cells
    a, b = (terms.fixed, terms.moving_slope) if of_moving else (terms.fixed_slope, terms.moving)
    rows = torch.einsum("kfb,nbc->nkfc", a, weight)
    table = torch.empty(len(fixed), cells, cells, SLOTS, device=fixed.device)
    table[..., : len(terms.degree)] = (rows @ b.mT).movedim(1, -1)
    out = torch.empty_like(fixed)
    _launch(_look_up, (fixed, moving, keep), (table, out), cells, OF_MOVING=of_moving)
    return out


def try_out(device: torch.device) -> None:
    """Run the kernels on three voxels. Raises whatever Triton does where it cannot, RuntimeError on wrong results."""
    image = torch.ones(1, 3, device=device)
    moments = torch.zeros(1, 2, 2, SLOTS, dtype=torch.int64, device=device)
    counts = torch.zeros(1, 2, dtype=torch.int64, device=device)
    _launch(_add_moments, (image, image, None), (moments, counts), 2, 2.0)
    slopes = torch.zeros_like(image)
    _launch(_look_up, (image, image, None), (moments.float(), slopes), 2, OF_MOVING=True)
    found = moments[0, 1, 1].tolist(), counts.tolist(), slopes.tolist()
    if found != ([3, 3, 3, 3, 3, 3, 0, 0], [[3, 0]], [[8.25] * 3]):
        raise RuntimeError(f"the kernels give wrong results: {found}")


class _Terms(NamedTuple):
    """By term s^i t^j: the windows' powers i for the fixed image and j for the moving one, (terms, cells, bins) float64,
    their slopes, and the degree i + j, (terms, 1, 1)."""

    fixed: Tensor
    fixed_slope: Tensor
    moving: Tensor
    moving_slope: Tensor
    degree: Tensor


@lru_cache(maxsize=8)
def _terms(windows: "Windows") -> _Terms:
    orders = windows.orders()
    degree = torch.tensor([i + j for i, j in orders], dtype=torch.float64)

    def stacked(windows_by_power: Tensor, side: int) -> Tensor:
        return torch.stack([windows_by_power[order[side]] for order in orders]).double()

    return _Terms(
        fixed=stacked(windows.value, 0),
        fixed_slope=stacked(windows.slope, 0),
        moving=stacked(windows.value, 1),
        moving_slope=stacked(windows.slope, 1),
        degree=degree.to(windows.value.device)[:, None, None],
    )


def _launch(
    kernel: Any,
    images: tuple[Tensor, Tensor, Tensor | None],
    tensors: tuple[Tensor, Tensor],
    *numbers: float,
    **constants: bool,
) -> None:
    """A kernel over all voxels of all items."""
    fixed, moving, keep = images
    batch, voxels = fixed.shape
    mask = fixed if keep is None else keep.view(torch.uint8)  # a kernel is given some memory
    grid = (triton.cdiv(voxels, BLOCK), batch)
    with torch.cuda.device_of(fixed):  # Triton launches on the current device, wherever the tensors are
        kernel[grid](
            *(fixed, moving, mask, *tensors, voxels, *numbers),
            **constants,
            MASKED=keep is not None,
            BLOCK=BLOCK,
            SLOTS=SLOTS,
            num_warps=WARPS,
            enable_fp_fusion=False,  # so that positions are those of models/parzen_cpu.py to the last bit
        )


@triton.jit
def _voxels(fixed, moving, keep, voxels, MASKED: tl.constexpr, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """A program's item and voxels: where they lie, which are there, which of these count, and their two intensities."""
    item = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = at < voxels
    at += item * voxels
    counted = there
    if MASKED:
        counted = there & (tl.load(keep + at, mask=there, other=0) != 0)
    v = tl.load(fixed + at, mask=there, other=0.0)
    w = tl.load(moving + at, mask=there, other=0.0)
    return item, at, there, counted, v, w


@triton.jit
def _cell(v, cells):  # type: ignore[no-untyped-def]
    """Cell of intensities and position in it, -1/2 to 1/2. NaN goes to cell 0."""
    x = tl.where(v > 0, tl.minimum(v, 1.0), 0.0) * cells.to(tl.float32)
    cell = tl.minimum(x.to(tl.int32), cells - 1)
    return cell, (x - cell.to(tl.float32)) - 0.5


@triton.jit
def _add(to, one, s, t, ss, st, tt, mask):  # type: ignore[no-untyped-def]
    tl.atomic_add(to, one, mask=mask, sem="relaxed")
    tl.atomic_add(to + 1, s, mask=mask, sem="relaxed")
    tl.atomic_add(to + 2, t, mask=mask, sem="relaxed")
    tl.atomic_add(to + 3, ss, mask=mask, sem="relaxed")
    tl.atomic_add(to + 4, st, mask=mask, sem="relaxed")
    tl.atomic_add(to + 5, tt, mask=mask, sem="relaxed")


@triton.jit
def _sum(of, values):  # type: ignore[no-untyped-def]
    return tl.sum(tl.where(of, values, 0))


@triton.jit
def _add_moments(  # type: ignore[no-untyped-def]
    fixed,
    moving,
    keep,
    moments,
    counts,
    voxels,
    cells,
    unit,
    MASKED: tl.constexpr,
    BLOCK: tl.constexpr,
    SLOTS: tl.constexpr,
):
    """Adds to `moments` (B, cells, cells, SLOTS) and to `counts` (B, 2): voxels counted, and voxels not finite."""
    item, _at, _there, counted, v, w = _voxels(fixed, moving, keep, voxels, MASKED, BLOCK)  # pyright: ignore[reportGeneralTypeIssues]
    finite = (tl.abs(v) < float("inf")) & (tl.abs(w) < float("inf"))
    not_finite = tl.sum((~finite).to(tl.int64))
    tl.atomic_add(counts + 2 * item, tl.sum(counted.to(tl.int64)), sem="relaxed")
    tl.atomic_add(counts + 2 * item + 1, not_finite, mask=not_finite > 0, sem="relaxed")
    f, s = _cell(v, cells)
    m, t = _cell(w, cells)
    s = ((s * unit + HALF_EVEN) - HALF_EVEN).to(tl.int64)
    t = ((t * unit + HALF_EVEN) - HALF_EVEN).to(tl.int64)
    one, ss, st, tt = tl.full((BLOCK,), 1, tl.int64), s * s, s * t, t * t
    pair = f * cells + m
    # The pair of cells that comes first is summed here before it is added: nearly always it is the background, at 0, which
    # would make most voxels of an image wait for one place in memory.
    first = tl.min(tl.where(counted, pair, cells * cells))
    shared = counted & (pair == first)
    base = moments + item * cells * cells * SLOTS
    to = base + first.to(tl.int64) * SLOTS
    number, of_s, of_t = _sum(shared, one), _sum(shared, s), _sum(shared, t)
    _add(to, number, of_s, of_t, _sum(shared, ss), _sum(shared, st), _sum(shared, tt), number > 0)
    _add(base + pair.to(tl.int64) * SLOTS, one, s, t, ss, st, tt, counted & (pair != first))


@triton.jit
def _look_up(  # type: ignore[no-untyped-def]
    fixed,
    moving,
    keep,
    table,
    out,
    voxels,
    cells,
    OF_MOVING: tl.constexpr,
    MASKED: tl.constexpr,
    BLOCK: tl.constexpr,
    SLOTS: tl.constexpr,
):
    """Into `out` (B, voxels) the polynomial of `table` (B, cells, cells, SLOTS) at each voxel's positions."""
    item, at, there, counted, v, w = _voxels(fixed, moving, keep, voxels, MASKED, BLOCK)  # pyright: ignore[reportGeneralTypeIssues]
    image = w if OF_MOVING else v
    counted = counted & ~((image < 0) | (image > 1))
    f, s = _cell(v, cells)  # pyright: ignore[reportGeneralTypeIssues]
    m, t = _cell(w, cells)
    of = table + ((item * cells + f) * cells + m) * SLOTS
    c0 = tl.load(of, mask=counted, other=0.0)
    c1 = tl.load(of + 1, mask=counted, other=0.0)
    c2 = tl.load(of + 2, mask=counted, other=0.0)
    c3 = tl.load(of + 3, mask=counted, other=0.0)
    c4 = tl.load(of + 4, mask=counted, other=0.0)
    c5 = tl.load(of + 5, mask=counted, other=0.0)
    slope = c0 + s * (c1 + s * c3 + t * c4) + t * (c2 + t * c5)
    tl.store(out + at, tl.where(counted, slope, 0.0), mask=there)
