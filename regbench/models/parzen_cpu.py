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

DEGREE = 2  # the loops have its six terms written out
TERMS = (DEGREE + 1) * (DEGREE + 2) // 2  # s^i t^j with i + j <= DEGREE, in the order of Windows.orders()
Images = tuple[np.ndarray, np.ndarray, np.ndarray]  # fixed, moving, keep (empty: all voxels)
ROW_PARTS = 8  # whatever the number of threads, so that sums of fractions are the same too
NEGLIGIBLE = 1e-9  # a window's weights below this are left out
MAX_TABLES = 8  # threads that count, each into a table of its own

# Tables to use again: to make them anew costs a page fault a page.
_kept: dict[str, np.ndarray] = {}


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
    tables = _take("moments", (threads, cells, cells, TERMS), np.int64)
    parts, occupied = portions(fixed.numel(), threads), np.zeros((cells, cells), np.bool_)
    zeros = in_threads(lambda k: _add_moments(*_part(images, parts[k]), unit, tables[k], occupied), threads)
    joint, value, first = np.zeros((ROW_PARTS, windows.bins, windows.bins)), windows.value, windows.first
    count = in_threads(lambda k: _contract(tables, value, first, unit, k, joint, occupied), ROW_PARTS)
    _kept["moments"] = tables  # zeros again
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
    """Into `out` (voxels,) float32: sum over bins of weight_bc d(w_b w_c), d of the moving or the fixed intensity.

    `occupied`: the cells that `joint_sums` found these images and this mask in.
    """
    a, b = (windows.value, windows.slope) if of_moving else (windows.slope, windows.value)
    table = _take("derivatives", (windows.cells, windows.cells, TERMS), np.float32)
    weights, threads = weight.double().numpy(), torch.get_num_threads()
    in_threads(lambda k: _derivatives(a, b, windows.first, k, weights, occupied, table), ROW_PARTS)
    images, to, parts = _arrays(fixed, moving, keep), out.numpy(), portions(fixed.numel(), threads)
    in_threads(lambda k: _look_up(*_part(images, parts[k]), of_moving, table, to[parts[k]]), threads)
    _kept["derivatives"] = table  # as it is: only occupied cells are read, and they are written first


def forget_tables() -> None:
    """Give back the memory of the tables that are kept for the next call."""
    _kept.clear()


def _take(name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """The table that an earlier call kept if it has this shape, else zeros. Nobody else gets it until it is kept again."""
    table = _kept.pop(name, None)
    return table if table is not None and table.shape == shape else np.zeros(shape, dtype)


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
def _add_moments(fixed, moving, keep, unit, table, occupied):  # type: ignore[no-untyped-def]
    """Adds to `table`, and marks in `occupied` what no longer holds zeros. Returns 0, or NaN if an intensity is NaN or infinite."""
    cells, zero = table.shape[0], np.float32(0.0)
    for i in range(fixed.size):
        zero += np.float32(0.0) * (fixed[i] + moving[i])
        if keep.size and not keep[i]:
            continue
        f, tf = _locate(fixed[i], cells)
        m, tm = _locate(moving[i], cells)
        s, t = np.int64(np.rint(tf * np.float32(unit))), np.int64(np.rint(tm * np.float32(unit)))
        row = table[f, m]
        if row[0] == 0:
            occupied[f, m] = True
        row[0] += 1
        row[1] += s
        row[2] += t
        row[3] += s * s
        row[4] += s * t
        row[5] += t * t
    return zero


@njit(nogil=True, cache=True)
def _contract(tables, value, first, unit, start, joint, occupied):  # type: ignore[no-untyped-def]
    """From the moments of every ROW_PARTS-th row of cells to their share of the joint table, and their number of voxels.

    Leaves zeros in `tables`.
    """
    cells, width, bins = value.shape[1], value.shape[2], joint.shape[1]
    row, total = np.zeros((DEGREE + 1, bins)), 0
    for f in range(start, cells, ROW_PARTS):
        if not occupied[f].any():
            continue
        row[:] = 0
        for m in range(cells):
            if not occupied[f, m]:
                continue
            count = s_ = t_ = ss_ = st_ = tt_ = 0
            for k in range(tables.shape[0]):
                of_thread = tables[k, f, m]
                if of_thread[0]:
                    count += of_thread[0]
                    s_ += of_thread[1]
                    t_ += of_thread[2]
                    ss_ += of_thread[3]
                    st_ += of_thread[4]
                    tt_ += of_thread[5]
                    of_thread[:] = 0
            total += count
            s, t = s_ / float(unit), t_ / float(unit)
            ss, st, tt = ss_ / float(unit) ** 2, st_ / float(unit) ** 2, tt_ / float(unit) ** 2
            for q in range(width):
                c, v0, v1 = first[m] + q, value[0, m, q], value[1, m, q]
                row[0, c] += count * v0 + t * v1 + tt * value[2, m, q]
                row[1, c] += s * v0 + st * v1
                row[2, c] += ss * v0
        for p in range(width):
            for i in range(DEGREE + 1):
                for c in range(bins):
                    joint[start, first[f] + p, c] += value[i, f, p] * row[i, c]
    return total


# The sums over bins may go by fours and with fused products: the same bits in any number of threads, on one kind of CPU.
@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
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
            one = s = t = ss = st = tt = 0.0
            for q in range(width):
                c, b0, b1 = first[m] + q, b[0, m, q], b[1, m, q]
                one += row[0, c] * b0
                s += row[1, c] * b0
                t += row[0, c] * b1
                ss += row[2, c] * b0
                st += row[1, c] * b1
                tt += row[0, c] * b[2, m, q]
            terms = table[f, m]
            terms[0], terms[1], terms[2], terms[3], terms[4], terms[5] = one, s, t, ss, st, tt


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
