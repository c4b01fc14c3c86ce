"""The classic mistakes of a displacement field, told from what a method found where the answer is known."""

from collections.abc import Callable

import numpy as np

from regbench.geometry.grid import Grid, apply_affine

RIGHT = "right"
NOTHING = "hardly anything of the shift was found: does it look at both images, and return what it found?"
Found = tuple[
    np.ndarray, np.ndarray, Grid
]  # a field (3, N) and points (3, N) where it was looked at, LPS mm, and the grid
CLEARLY = 0.7  # of what the right answer leaves unexplained may be left by a mistake that is told
RAS = np.array([-1.0, -1.0, 1.0])


def _even(vector: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.broadcast_to(vector.reshape(3, *[1] * (points.ndim - 1)), points.shape)


def _voxels(shift: np.ndarray, grid: Grid) -> np.ndarray:
    return np.linalg.solve(grid.affine[:3, :3], shift)


# What a field (3, ...) would be at points (3, ...) of a grid, for a shift (3,) and the moving scan's affine (4, 4).
CANDIDATES: dict[str, Callable[[np.ndarray, np.ndarray, Grid, np.ndarray], np.ndarray]] = {
    RIGHT: lambda shift, points, grid, matrix: _even(shift, points),
    NOTHING: lambda shift, points, grid, matrix: np.zeros_like(points),
    "the direction is inverted: the field must take a fixed point to its moving point, warped(x) = moving(x + u(x))": (
        lambda shift, points, grid, matrix: _even(-shift, points)
    ),
    "RAS instead of LPS: turn the sign of the first two components": (
        lambda shift, points, grid, matrix: _even(RAS * shift, points)
    ),
    "RAS instead of LPS and the direction inverted: turn the sign of the third component": (
        lambda shift, points, grid, matrix: _even(-RAS * shift, points)
    ),
    "voxels instead of mm: multiply by the grid's direction and spacing (geometry.fields.voxels_to_mm)": (
        lambda shift, points, grid, matrix: _even(_voxels(shift, grid), points)
    ),
    "voxels instead of mm and the direction inverted": (
        lambda shift, points, grid, matrix: _even(-_voxels(shift, grid), points)
    ),
    "mm along the grid's axes instead of along L, P, S: multiply by the grid's direction": (
        lambda shift, points, grid, matrix: _even(grid.spacing * _voxels(shift, grid), points)
    ),
    "the components are in the order z, y, x: expected x, y, z": (
        lambda shift, points, grid, matrix: _even(shift[::-1], points)
    ),
    "the affine is applied twice: the images are aligned already, the field must not hold `to_original` again": (
        lambda shift, points, grid, matrix: apply_affine(matrix, points + _even(shift, points)) - points
    ),
}


def diagnose(found: list[Found], shift: np.ndarray, matrix: np.ndarray) -> str:
    """RIGHT, or in words the mistake that explains what was found on several grids clearly better.

    `found` of each grid, the `shift` (3,) LPS mm that was to be found, and the affine (4, 4) of the moving scan.
    """
    left = {name: sum(error(name, each, shift, matrix) for each in found) for name in CANDIDATES}
    best = min(left, key=lambda name: left[name])
    return best if left[best] < CLEARLY * left[RIGHT] else RIGHT


def error(name: str, found: Found, shift: np.ndarray, matrix: np.ndarray) -> float:
    """Root mean square in mm of what is left of a field when a candidate explains it."""
    u, points, grid = found
    gap = u - CANDIDATES[name](shift, points, grid, matrix)
    return float(np.sqrt((gap**2).sum(axis=0).mean()))
