"""Arrays on a grid as SimpleITK images and back; its axes run k, j, i where ours run i, j, k."""

import numpy as np
import SimpleITK as sitk

from regbench.geometry.grid import Grid


def as_simpleitk(data: np.ndarray, grid: Grid) -> sitk.Image:
    """An array (D, H, W) on its grid. RuntimeError (ITK's own) when the grid is sheared, which ITK cannot express."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    image.SetSpacing(grid.spacing.tolist())
    image.SetOrigin(grid.origin.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image


def from_simpleitk(image: sitk.Image) -> tuple[np.ndarray, Grid]:
    """An image's voxels, (D, H, W) or (C, D, H, W) for C components, and its grid."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return np.ascontiguousarray(sitk.GetArrayFromImage(image).T), Grid(image.GetSize(), affine)
