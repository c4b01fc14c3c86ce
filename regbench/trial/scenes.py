"""Two images of a made head with a known displacement between them, on grids of any orientation."""

from pathlib import Path
from typing import Any

import numpy as np

from regbench.geometry.grid import Grid
from regbench.geometry.images import write_volume

SHAPE = (48, 56, 40)  # three sizes, so that axes in a wrong order show
CENTRE = np.array([4.0, -7.0, 11.0])  # LPS mm
RADIUS = 34.0  # mm, of the head
WITHIN = 28.0  # mm from the centre: well inside


def grids() -> dict[str, Grid]:
    """LAS, oblique and anisotropic grids about 100 mm wide around CENTRE."""
    turn = np.array([[0.96, -0.20, 0.19], [0.24, 0.95, -0.20], [-0.14, 0.24, 0.96]])
    oblique = np.linalg.qr(turn)[0]
    oblique *= np.sign(np.diag(oblique))
    matrices = {
        "LAS": np.diag([2.0, -2.0, 2.0]),
        "oblique": oblique * 2.0,
        "anisotropic": np.array([[0, 0, 2.4], [2.0, 0, 0], [0, -1.6, 0]]),
    }
    return {name: _around_centre(matrix) for name, matrix in matrices.items()}


def _around_centre(matrix: np.ndarray) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = CENTRE - matrix @ (np.array(SHAPE) - 1) / 2
    return Grid(SHAPE, affine)


def head(points: np.ndarray) -> np.ndarray:
    """Intensity in [0, 1] at LPS points (3, ...): a head with structures inside, 0 outside."""
    x, y, z = points - CENTRE.reshape(3, *[1] * (points.ndim - 1))
    radius = np.sqrt(x**2 + (y / 1.1) ** 2 + z**2)
    whole = 1 / (1 + np.exp(np.clip((radius - RADIUS) / 1.2, -50, 50)))
    texture = 0.5 + 0.2 * np.cos(x / 4.6) * np.cos(y / 5.5 + 0.5) + 0.15 * np.sin(z / 4.3 + x / 9)
    core = 0.25 / (1 + np.exp(np.clip((radius - 14) / 1.2, -50, 50)))
    image = whole * (texture - core)
    return np.where(image > 0.01, image, 0).astype(np.float32)


def other_contrast(image: np.ndarray) -> np.ndarray:
    """The same head as another contrast would show it: bright is dark, but for the background."""
    return np.where(image > 0.05, 0.9 - image, image).astype(np.float32)


def inside(grid: Grid) -> np.ndarray:
    """(D, H, W) bool: well within the head."""
    return np.linalg.norm(grid.points() - CENTRE.reshape(3, 1, 1, 1), axis=0) < WITHIN


def pair_record(
    folder: Path, name: str, grid: Grid, fixed: np.ndarray, moving: np.ndarray, matrix: np.ndarray
) -> dict[str, Any]:
    """A PAIR record of two images (D, H, W) written into `folder`; `matrix` (4, 4) is the moving scan's affine, taken out.

    Contrasts are T1w and T1w, or T1w and T2w where the name ends in "multi".
    """
    sides = {}
    for side, data, affine in (("fixed", fixed, np.eye(4)), ("moving", moving, matrix)):
        paths = {kind: str(folder / f"{name}-{side}_{kind}.nii.gz") for kind in ("image", "mask", "original")}
        write_volume(paths["image"], data, grid)
        write_volume(paths["mask"], data > 0.05, grid)
        write_volume(paths["original"], data, Grid(grid.shape, affine @ grid.affine))
        contrast = "T2w" if side == "moving" and name.endswith("multi") else "T1w"
        who = {"subject": f"{name}-{side}", "contrast": contrast, "to_original": affine.tolist()}
        sides[side] = who | paths
    return {
        "pair": f"{name}-fixed__{name}-moving",
        "status": "ok",
        "message": "",
        "truth": None,
        **sides,
    }
