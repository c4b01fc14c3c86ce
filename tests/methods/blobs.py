"""Two images of blobs with a known displacement between them, on grids of any orientation."""

import numpy as np

from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume

SHAPE = (32, 36, 30)


def grids() -> dict[str, Grid]:
    """Oblique, LAS and anisotropic grids about 60 to 70 mm wide, centred near the origin."""
    turn = np.array([[0.96, -0.20, 0.19], [0.24, 0.95, -0.20], [-0.14, 0.24, 0.96]])
    oblique = np.linalg.qr(turn)[0]
    oblique *= np.sign(np.diag(oblique))
    matrices = {
        "las": np.diag([2.0, -2.0, 2.0]),
        "oblique": oblique * 2.0,
        "anisotropic": np.array([[0, 0, 3.0], [2.0, 0, 0], [0, -1.6, 0]]),
    }
    return {name: _centred(matrix) for name, matrix in matrices.items()}


def _centred(matrix: np.ndarray) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = -matrix @ (np.array(SHAPE) - 1) / 2 + [4.0, -7.0, 11.0]
    return Grid(SHAPE, affine)


def scene(points: np.ndarray) -> np.ndarray:
    """Intensity in [0, 1] at LPS points (3, ...): a head of 22 mm with structures inside, empty outside."""
    centre = np.array([4.0, -7.0, 11.0]).reshape(3, *[1] * (points.ndim - 1))
    x, y, z = points - centre
    radius = np.sqrt(x**2 + (y / 1.1) ** 2 + z**2)
    head = 1 / (1 + np.exp((radius - 22) / 0.8))
    inside = 0.5 + 0.2 * np.cos(x / 3.1) * np.cos(y / 3.7 + 0.5) + 0.15 * np.sin(z / 2.9 + x / 6)
    core = 0.25 / (1 + np.exp((radius - 9) / 0.8))
    return (head * (inside - core)).astype(np.float32)


def pair(grid: Grid, displacement: np.ndarray, invert: bool = False) -> tuple[Volume, Volume]:
    """(fixed, moving) of which `displacement` (3,) LPS mm is the truth; `invert` gives moving another contrast."""
    points = grid.points()
    moving = scene(points - displacement.reshape(3, 1, 1, 1))
    if invert:
        moving = np.where(moving > 0.05, 0.9 - moving, moving)
    return Volume(scene(points), grid), Volume(moving, grid)


def inside(grid: Grid, radius: float = 18) -> np.ndarray:
    """(D, H, W) bool: well within the head."""
    centre = np.array([4.0, -7.0, 11.0]).reshape(3, 1, 1, 1)
    return np.linalg.norm(grid.points() - centre, axis=0) < radius


def smooth_warp(points: np.ndarray) -> np.ndarray:
    """A known smooth displacement (3, ...) LPS mm of up to about 4 mm."""
    x, y, z = points
    return np.stack([3 * np.sin(y / 12), 2.5 * np.cos(z / 11 + 0.4), -2 * np.sin(x / 13 + 1)])
