"""Arrays on a grid as SimpleITK images and back; its axes run k, j, i where ours run i, j, k."""

import numpy as np
import SimpleITK as sitk

from regbench.geometry.grid import Grid, itk_grid


def as_simpleitk(data: np.ndarray, grid: Grid) -> sitk.Image:
    """An array (D, H, W) on its grid. RuntimeError (ITK's own) when the grid is sheared, which ITK cannot express."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    image.SetSpacing(grid.spacing.tolist())
    image.SetOrigin(grid.origin.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image


def from_simpleitk(image: sitk.Image) -> tuple[np.ndarray, Grid]:
    """An image's voxels, (D, H, W) or (C, D, H, W) for C components, and its grid."""
    grid = itk_grid(image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    return np.ascontiguousarray(sitk.GetArrayFromImage(image).T), grid
