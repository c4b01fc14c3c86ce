"""A displacement field put to use: images and labels brought onto its grid, points taken along it."""

import numpy as np

from regbench.geometry.fields import displace
from regbench.geometry.grid import Grid, apply_affine
from regbench.geometry.images import Volume
from regbench.geometry.sampling import sample_volume

ITERATIONS = 50  # of the inversion of a field at a point
CLOSE = 1e-3  # mm: an inverse is found when the field takes it this near to the point


def warped_image(field: np.ndarray, grid: Grid, moving: Volume) -> np.ndarray:
    """The moving image (D, H, W) float32 on the field's grid, linear, 0 where the field leads out of it.

    field: (3, …) LPS mm on `grid`, pull-back.
    """
    return sample_volume(moving.data, moving.grid, grid.points() + field, order=1)


def warped_labels(field: np.ndarray, grid: Grid, labels: Volume) -> np.ndarray:
    """The moving labels on the field's grid, nearest, 0 where the field leads out of them."""
    return sample_volume(labels.data, labels.grid, grid.points() + field, order=0)


def to_moving(points: np.ndarray, field: np.ndarray, grid: Grid) -> np.ndarray:
    """Points of the fixed scan, (3, N) LPS mm, to where they lie in the moving scan."""
    return displace(points, field, grid)


def to_fixed(points: np.ndarray, field: np.ndarray, grid: Grid) -> np.ndarray:
    """Points of the moving scan, (3, N) LPS mm, to where they lie in the fixed scan; NaN where the field has no inverse.

    Fixed-point iteration about the affine map that fits the field best, so that a large rotation does not hinder it.
    """
    affine = _affine_part(field, grid)
    back = np.linalg.pinv(affine)  # a field that folds all into a plane has no inverse at all
    found = apply_affine(back, points)
    for _ in range(ITERATIONS):
        missed = points - to_moving(found, field, grid)
        if np.linalg.norm(missed, axis=0).max(initial=0) <= CLOSE / 10:
            break
        found = found + back[:3, :3] @ missed
    missed = points - to_moving(found, field, grid)
    return np.where(np.linalg.norm(missed, axis=0) <= CLOSE, found, np.nan)


def _affine_part(field: np.ndarray, grid: Grid) -> np.ndarray:
    """The 4x4 matrix nearest to x -> x + u(x) over the grid (least squares, every few voxels)."""
    every = tuple(slice(None, None, max(1, n // 32)) for n in grid.shape)
    points = grid.points()[(slice(None), *every)].reshape(3, -1)
    mapped = points + field[(slice(None), *every)].reshape(3, -1)
    ones = np.vstack([points, np.ones(points.shape[1])])
    matrix = np.eye(4)
    matrix[:3] = np.linalg.lstsq(ones.T, mapped.T, rcond=None)[0].T
    return matrix
