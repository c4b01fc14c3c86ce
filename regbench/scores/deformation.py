"""How a displacement field folds and stretches space."""

import numpy as np

from regbench.geometry.fields import jacobian_determinant, mm_to_voxels
from regbench.geometry.grid import Grid

SLAB = 8  # planes worked on at a time: temporaries stay in the processor's cache


def folding(u: np.ndarray, grid: Grid, brain: np.ndarray) -> tuple[float, float]:
    """Percent of the brain with det J <= 0, and SD of log J in the brain (J clipped at 1e-9; Leow 2007).

    u: (3, D, H, W) LPS mm on `grid`; brain: (D, H, W) bool, not empty. J by central differences in physical space.
    """
    jacobian = jacobian_determinant(u, grid)[brain].astype(float)
    return 100 * float((jacobian <= 0).mean()), float(np.log(np.maximum(jacobian, 1e-9)).std())


def non_diffeomorphic_volume(u: np.ndarray, grid: Grid, brain: np.ndarray) -> float:
    """Non-diffeomorphic volume as percent of the brain's (Liu et al. 2022, arXiv 2212.06060, section 3.3).

    Central differences miss folds between voxels. Here each cell of the grid is cut into five tetrahedra, in both
    possible ways; the volume of those turned inside out is summed, each way with weight 1/2.
    u: (3, D, H, W) LPS mm on `grid`; brain: (D, H, W) bool. Voxels at the grid's rim are left out;
    NaN when no other is in the brain.
    """
    planes = np.flatnonzero(brain[1:-1, 1:-1, 1:-1].any(axis=(1, 2))) + 1
    if not len(planes):
        return float("nan")
    voxels = mm_to_voxels(u, grid)
    volume = 0.0
    for start in range(planes[0], planes[-1] + 1, SLAB):
        stop = min(start + SLAB, planes[-1] + 1)
        inverted = _inverted_volume(voxels[:, start - 1 : stop + 1])
        volume += float(inverted[brain[start:stop, 1:-1, 1:-1]].sum(dtype=float))
    return 100 * volume / int(brain[1:-1, 1:-1, 1:-1].sum())


def _inverted_volume(u: np.ndarray) -> np.ndarray:
    """Volume turned inside out at each inner voxel, in voxels: u (3, d, h, w) voxels -> (d-2, h-2, w-2)."""
    # steps[k] = T(x + e_k) - T(x): a forward difference at x is steps[k] at x, a backward one steps[k] at x - e_k
    steps = [np.diff(u, axis=k + 1) for k in range(3)]
    for k in range(3):
        steps[k][k] += 1
    inner = tuple(size - 2 for size in u.shape[1:])
    edges = [(_at(step, inner), _at(step, inner, behind=(k,))) for k, step in enumerate(steps)]
    total = np.zeros(inner, u.dtype)
    for d1 in edges[1]:
        for d2 in edges[2]:
            normal = _cross(d1, d2)
            for d0 in edges[0]:
                total -= np.minimum(_dot(d0, normal), 0)  # a corner's tetrahedron
    for d01, d12, d02 in (_diagonals_ahead(steps, inner), _diagonals_behind(steps, inner)):
        total -= np.minimum(_dot(d01, _cross(d12, d02)), 0)  # the tetrahedron left in the cell's middle
    return total / 12  # a determinant is six volumes, and each way of cutting counts half


def _diagonals_ahead(steps: list[np.ndarray], inner: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """From x over the faces of the cell ahead of it: to x + e0 + e1, x + e1 + e2, x + e0 + e2."""
    return (
        _at(steps[0], inner) + _at(steps[1], inner, ahead=(0,)),
        _at(steps[1], inner) + _at(steps[2], inner, ahead=(1,)),
        _at(steps[0], inner) + _at(steps[2], inner, ahead=(0,)),
    )


def _diagonals_behind(steps: list[np.ndarray], inner: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """To x over the faces of the cell behind it: from x - e0 - e1, x - e1 - e2, x - e0 - e2."""
    return (
        _at(steps[0], inner, behind=(0,)) + _at(steps[1], inner, behind=(0, 1)),
        _at(steps[1], inner, behind=(1,)) + _at(steps[2], inner, behind=(1, 2)),
        _at(steps[0], inner, behind=(0,)) + _at(steps[2], inner, behind=(0, 2)),
    )


def _at(step: np.ndarray, inner: tuple[int, ...], behind: tuple = (), ahead: tuple = ()) -> np.ndarray:
    """`step` at each inner voxel x, moved one voxel back along the axes `behind` and on along `ahead`."""
    first = [1 - (axis in behind) + (axis in ahead) for axis in range(3)]
    return step[(slice(None), *(slice(f, f + n) for f, n in zip(first, inner, strict=True)))]


def _cross(a, b) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _dot(a, b) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
