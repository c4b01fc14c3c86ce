"""The joint sums of models/parzen.py and its gradient, compiled for CPUs: one random access a voxel each way.

models/parzen.py has both in torch, for any device; a test holds the two together.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numba import njit
from torch import Tensor

from regbench.models.compiled import in_threads, portions

if TYPE_CHECKING:
    from regbench.models.parzen import Windows

DEGREE = 2  # the loops over voxels have its six terms written out
TERMS = (DEGREE + 1) * (DEGREE + 2) // 2  # s^i t^j with i + j <= DEGREE, in the order of Windows.orders()
Images = tuple[np.ndarray, np.ndarray, np.ndarray]  # fixed, moving, keep (empty: all voxels)
ROW_PARTS = 8  # whatever the number of threads, so that sums of fractions are the same too
NEGLIGIBLE = 1e-9  # a window's weights below this are left out
MAX_TABLES = 8  # threads that count, each into a table of its own
TILE = 3  # 2^3 cells a side whose emptiness is known together

# Tables of zeros to use again: to make them anew costs a page fault a page.
_spare: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}


class Compact:
    """The windows with only the bins that each cell reaches: value, slope (degree + 1, cells, width), first (cells,)."""

    def __init__(self, windows: "Windows") -> None:
        value, slope = (w.double().numpy() for w in windows)
        reached = (np.abs(value).sum(0) > NEGLIGIBLE) | (np.abs(slope).sum(0) > NEGLIGIBLE)
        first = reached.argmax(1)
        width = int((value.shape[2] - reached[:, ::-1].argmax(1) - first).max())
        self.first = np.minimum(first, value.shape[2] - width)
        bins = self.first[:, None] + np.arange(width)
        self.value, self.slope = (
            np.ascontiguousarray(np.take_along_axis(w, bins[None], axis=2)) for w in (value, slope)
        )
        self.cells, self.bins = value.shape[1:]


def joint_sums(
    fixed: Tensor, moving: Tensor, keep: Tensor | None, windows: Compact, unit: int
) -> tuple[Tensor, int, np.ndarray]:
    """Sum over voxels of w_b(fixed) w_c(moving): (bins, bins) float64; the number of voxels; the cells they are in.

    `fixed`, `moving` (voxels,) float32, `keep` (voxels,) bool. All NaN if any intensity is NaN or infinite. Exact sums
    of whole numbers (positions in a cell are multiples of 1 / `unit`), so the same whatever the number of threads.
    """
    images, cells = _arrays(fixed, moving, keep), windows.cells
    threads = min(torch.get_num_threads(), MAX_TABLES)
    tables, tiles = _spare.pop((threads, cells), None) or _tables(threads, cells)
    parts = portions(fixed.numel(), threads)
    zeros = in_threads(lambda k: _add_moments(*_part(images, parts[k]), unit, tables[k], tiles[k]), threads)
    joint, occupied = np.zeros((ROW_PARTS, windows.bins, windows.bins)), np.zeros((cells, cells), np.bool_)
    value, first, used = windows.value, windows.first, tiles.any(0)
    count = in_threads(lambda k: _contract(tables, used, value, first, unit, k, joint, occupied), ROW_PARTS)
    tiles[:] = False
    _spare.clear()
    _spare[threads, cells] = tables, tiles
    return torch.from_numpy(joint.sum(0) + sum(zeros)), sum(count), occupied


def gradient(
    fixed: Tensor,
    moving: Tensor,
    keep: Tensor | None,
    of_moving: bool,
    windows: Compact,
    weight: Tensor,
    occupied: np.ndarray,
    out: Tensor,
) -> None:
    """Into `out` (voxels,) float32: sum over bins of weight_bc d(w_b w_c), d of the moving or the fixed intensity."""
    a, b = (windows.value, windows.slope) if of_moving else (windows.slope, windows.value)
    table = np.empty((windows.cells, windows.cells, TERMS), np.float32)
    weights, threads = weight.double().numpy(), torch.get_num_threads()
    in_threads(lambda k: _derivatives(a, b, windows.first, k, weights, occupied, table), ROW_PARTS)
    images, to, parts = _arrays(fixed, moving, keep), out.numpy(), portions(fixed.numel(), threads)
    in_threads(lambda k: _look_up(*_part(images, parts[k]), of_moving, table, to[parts[k]]), threads)


def forget_tables() -> None:
    """Give back the memory of the tables that are kept for the next call."""
    _spare.clear()


def _tables(threads: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Moments of each pair of cells, by thread, and which tiles of cells hold any: zeros."""
    tiles = -(-cells >> TILE)
    tables = np.zeros((threads, cells, cells, TERMS), np.int64)
    return tables, np.zeros((threads, tiles, tiles), np.bool_)


def _arrays(fixed: Tensor, moving: Tensor, keep: Tensor | None) -> Images:
    none = np.zeros(0, np.bool_)
    return fixed.numpy(), moving.numpy(), none if keep is None else keep.numpy()


def _part(images: Images, part: slice) -> Images:
    return images[0][part], images[1][part], images[2][part]


@njit(nogil=True, cache=True)
def _locate(v, cells):  # type: ignore[no-untyped-def]
    """Cell of an intensity and position in it, -1/2 to 1/2. NaN goes to cell 0."""
    x = np.float32(0.0)
    if v > 0:
        x = min(v, np.float32(1.0)) * np.float32(cells)
    cell = min(np.int32(x), np.int32(cells - 1))
    return cell, x - np.float32(cell) - np.float32(0.5)


@njit(nogil=True, cache=True)
def _add_moments(fixed, moving, keep, unit, table, tiles):  # type: ignore[no-untyped-def]
    """Adds to `table` and `tiles`. Returns 0, or NaN if an intensity is NaN or infinite."""
    cells, zero = table.shape[0], np.float32(0.0)
    for i in range(fixed.size):
        zero += np.float32(0.0) * (fixed[i] + moving[i])
        if keep.size and not keep[i]:
            continue
        f, tf = _locate(fixed[i], cells)
        m, tm = _locate(moving[i], cells)
        tiles[f >> TILE, m >> TILE] = True
        s, t = np.int64(np.rint(tf * np.float32(unit))), np.int64(np.rint(tm * np.float32(unit)))
        row = table[f, m]
        row[0] += 1
        row[1] += s
        row[2] += t
        row[3] += s * s
        row[4] += s * t
        row[5] += t * t
    return zero


@njit(nogil=True, cache=True)
def _contract(tables, tiles, value, first, unit, start, joint, occupied):  # type: ignore[no-untyped-def]
    """From the moments of every ROW_PARTS-th row of cells to their share of the joint table, and their number of voxels.

    Leaves zeros in `tables`; `tiles` says where to look.
    """
    cells, width, bins = value.shape[1], value.shape[2], joint.shape[1]
    row, total = np.zeros((DEGREE + 1, bins)), 0
    moments = np.empty(TERMS)
    for f in range(start, cells, ROW_PARTS):
        row[:] = 0
        some = False
        for m in range(cells):
            if not tiles[f >> TILE, m >> TILE]:
                continue
            count = 0
            for k in range(tables.shape[0]):
                count += tables[k, f, m, 0]
            if count == 0:
                continue
            some, occupied[f, m] = True, True
            total += count
            term = 0
            for order in range(DEGREE + 1):
                for _ in range(order + 1):
                    whole = 0
                    for k in range(tables.shape[0]):
                        whole += tables[k, f, m, term]
                        tables[k, f, m, term] = 0
                    moments[term] = whole / float(unit) ** order
                    term += 1
            for q in range(width):
                c, term = first[m] + q, 0
                for order in range(DEGREE + 1):
                    for j in range(order + 1):
                        row[order - j, c] += moments[term] * value[j, m, q]
                        term += 1
        if some:
            for p in range(width):
                for i in range(DEGREE + 1):
                    for c in range(bins):
                        joint[start, first[f] + p, c] += value[i, f, p] * row[i, c]
    return total


@njit(nogil=True, cache=True)
def _derivatives(a, b, first, start, weight, occupied, table):  # type: ignore[no-untyped-def]
    """Coefficients by pair of cells of sum_bc weight_bc a_b(s) b_c(t), where a voxel is; every ROW_PARTS-th row."""
    cells, width, bins = a.shape[1], a.shape[2], weight.shape[0]
    row = np.empty((DEGREE + 1, bins))
    for f in range(start, cells, ROW_PARTS):
        if not occupied[f].any():
            continue
        row[:] = 0
        for i in range(DEGREE + 1):
            for p in range(width):
                for c in range(bins):
                    row[i, c] += a[i, f, p] * weight[first[f] + p, c]
        for m in range(cells):
            if not occupied[f, m]:
                continue
            term = 0
            for order in range(DEGREE + 1):
                for j in range(order + 1):
                    sum_ = 0.0
                    for q in range(width):
                        sum_ += row[order - j, first[m] + q] * b[j, m, q]
                    table[f, m, term] = sum_
                    term += 1


@njit(nogil=True, cache=True)
def _look_up(fixed, moving, keep, of_moving, table, out):  # type: ignore[no-untyped-def]
    cells = table.shape[0]
    for i in range(fixed.size):
        v = moving[i] if of_moving else fixed[i]
        if (keep.size and not keep[i]) or v < 0 or v > 1:
            out[i] = 0
            continue
        f, s = _locate(fixed[i], cells)
        m, t = _locate(moving[i], cells)
        c = table[f, m]
        out[i] = c[0] + s * (c[1] + s * c[3] + t * c[4]) + t * (c[2] + t * c[5])
