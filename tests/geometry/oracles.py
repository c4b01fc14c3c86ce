"""Grids on which header mistakes show, and smooth things to put on them."""

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from regbench.geometry.grid import Grid


def grid_from(shape, spacing, flips, angles) -> Grid:
    """Spacing in mm, flips of the LPS axes (+1, -1), rotation by Euler angles in degrees."""
    affine = np.eye(4)
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    affine[:3, :3] = turn @ np.diag(flips) @ np.diag(spacing)
    middle = (np.array(shape) - 1) / 2
    affine[:3, 3] = np.array([12.0, -30.0, 7.0]) - affine[:3, :3] @ middle  # all grids share their middle
    return Grid(shape, affine)


GRIDS = {
    "LPS": grid_from((24, 22, 20), (2, 2, 2), (1, 1, 1), (0, 0, 0)),
    "RAS": grid_from((24, 22, 20), (2, 2, 2), (-1, -1, 1), (0, 0, 0)),
    "LAS, anisotropic": grid_from((24, 26, 12), (1.5, 1, 4), (1, -1, 1), (0, 0, 0)),
    "oblique, anisotropic": grid_from((26, 20, 14), (1, 1.7, 3), (1, 1, 1), (25, -18, 40)),
    "oblique, flipped": grid_from((22, 24, 18), (1.2, 2, 1.5), (-1, 1, 1), (-12, 30, 15)),
}


def smooth_field(grid: Grid, seed: int = 0, size: float = 4.0) -> np.ndarray:
    """(3, D, H, W) float32 mm, smooth, largest component `size`."""
    noise = np.random.default_rng(seed).normal(size=(3, *grid.shape))
    u = gaussian_filter(noise, (0, 4, 4, 4), mode="nearest")
    return (u * size / np.abs(u).max()).astype(np.float32)


def smooth_image(grid: Grid, seed: int = 1) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=grid.shape), 2)
    return ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)


def points_within(grid: Grid, count: int = 200, seed: int = 2) -> np.ndarray:
    """(3, count) LPS mm, one voxel and more away from the border."""
    share = np.random.default_rng(seed).uniform(size=(3, count))
    return grid.to_points(1 + share * (np.array(grid.shape)[:, None] - 3))


def itk_displacement(path) -> sitk.DisplacementFieldTransform:
    return sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))
