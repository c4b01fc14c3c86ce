"""Displacement fields: the one module that converts them.

On disk and between stages a field is an ITK displacement field: LPS millimetres, pull-back (it takes a fixed
point to the moving point it comes from). In torch it is in voxels, (B, 3, D, H, W), channel order = axis order.
torch is imported where it is used: the worker of a method in an environment of its own writes fields without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from regbench.geometry.grid import Grid, apply_affine
from regbench.geometry.images import grid_of, load_nifti, read_voxels, save_nifti
from regbench.geometry.sampling import sample_volume

if TYPE_CHECKING:
    import torch

VECTOR = 1007  # NIFTI_INTENT_VECTOR: ITK and ANTs store LPS vectors under it as they are
HALF_STEP = 2.0**-8  # mm; a power of two, so that rounded float32 end in zeros, which gzip packs
DISPLACEMENT = 1006  # NIFTI_INTENT_DISPVECT: by the standard in RAS, and ITK converts it


def read_field(path: Path | str) -> tuple[np.ndarray, Grid]:
    """Read an ITK displacement field: ((3, D, H, W) float32 LPS mm, its grid).

    Raises FileNotFoundError, or ValueError that names the file: not a 5-D vector NIfTI (D, H, W, 1, 3) of intent
    1007 or 1006, cut short, or not finite.
    """
    path = Path(path)
    image = load_nifti(path)
    intent = int(image.header["intent_code"])
    shape = tuple(image.shape)
    if len(shape) != 5 or shape[3:] != (1, 3) or intent not in (VECTOR, DISPLACEMENT):
        raise ValueError(
            f"{path}: shape {shape} with intent {intent} is not an ITK displacement field; expected "
            "(D, H, W, 1, 3) with intent 1007, in LPS millimetres"
        )
    u = np.ascontiguousarray(np.moveaxis(read_voxels(image, path)[:, :, :, 0], -1, 0), dtype=np.float32)
    refuse_not_finite(u, path)
    if intent == DISPLACEMENT:
        u[:2] *= -1
    return u, grid_of(image, shape[:3], path)


def refuse_not_finite(u: np.ndarray, path: Path) -> None:
    """ValueError naming the file that the field was read from, where it has NaN or infinite values."""
    if not np.isfinite(u).all():
        raise ValueError(f"{path}: the displacement field has NaN or infinite values")


def write_field(path: Path | str, u: np.ndarray, grid: Grid) -> None:
    """Write u (3, D, H, W) LPS mm on `grid` as an ITK displacement field (NIfTI, 5-D, intent 1007), atomically."""
    if u.shape != (3, *grid.shape):
        raise ValueError(f"{path}: a field of shape {u.shape} on a grid of shape {grid.shape}")
    vectors = np.moveaxis(np.asarray(u, dtype=np.float32), 0, -1)[:, :, :, None, :]
    image = nib.Nifti1Image(vectors, None)
    image.header["intent_code"] = VECTOR
    save_nifti(path, image, grid)


def halved(u: np.ndarray) -> np.ndarray:
    """u (3, D, H, W) mm in steps of HALF_STEP, float32: half the room on disk.

    Not 16-bit integers with a slope: ITK before 6.0 crashes when it reads vectors so scaled.
    """
    return (np.rint(u / HALF_STEP) * HALF_STEP + 0.0).astype(np.float32)  # + 0.0: one zero, not two


def voxels_to_mm(u: np.ndarray, grid: Grid) -> np.ndarray:
    """Displacements (3, ...) in voxels, channel order = axis order, to LPS mm (3, ...) float32."""
    return _turned(grid.affine[:3, :3], u)


def mm_to_voxels(u: np.ndarray, grid: Grid) -> np.ndarray:
    """Displacements (3, ...) in LPS mm to voxels (3, ...) float32, channel order = axis order."""
    return _turned(np.linalg.inv(grid.affine[:3, :3]), u)


def displace(points: np.ndarray, u: np.ndarray, grid: Grid) -> np.ndarray:
    """points + u(points): LPS mm (3, ...) moved by a field (3, D, H, W) mm on `grid`; float64.

    Linear between voxels; beyond the grid the nearest edge value holds.
    """
    return points + sample_volume(u, grid, points, order=1, fill=None)


def displacement(mapped: np.ndarray, grid: Grid) -> np.ndarray:
    """The field (3, D, H, W) float32 mm that takes the grid's points to `mapped` (3, D, H, W) LPS mm."""
    return (mapped - grid.points()).astype(np.float32)


def compose_affine(
    u: np.ndarray, grid: Grid, onto: Grid, before: np.ndarray | None = None, after: np.ndarray | None = None
) -> np.ndarray:
    """The field (3, D, H, W) float32 mm on `onto` of x -> after(y + u(y)), y = before(x).

    u (3, D, H, W) mm lies on `grid`; before and after are 4x4 in LPS mm, identity where None.
    A run's field on the native fixed grid has before = the fixed side's to_original inverted and
    after = the moving side's to_original.
    """
    points = onto.points()
    start = points if before is None else apply_affine(before, points)
    end = displace(start, u, grid)
    return ((end if after is None else apply_affine(after, end)) - points).astype(np.float32)


def resample_field(u: np.ndarray, grid: Grid, onto: Grid) -> np.ndarray:
    """The field's vectors at another grid's points: (3, D, H, W) float32 mm, edge values beyond the first grid."""
    return sample_volume(u, grid, onto.points(), order=1, fill=None)


def jacobian_determinant(u: np.ndarray, grid: Grid) -> np.ndarray:
    """det(I + (du/dindex) A^-1), A = direction diag(spacing): (D, H, W) float32, in physical space.

    u: (3, D, H, W) LPS mm. Central differences, one-sided at the border. Equal to det(A + du/dindex) / det(A),
    whose 3x3 determinant is written out. A field needs at least two voxels along every axis (ValueError).
    """
    import torch

    if min(grid.shape) < 2:
        raise ValueError(f"a Jacobian needs at least two voxels along every axis, found shape {grid.shape}")
    field = torch.from_numpy(np.ascontiguousarray(u, dtype=np.float32))
    linear = torch.from_numpy(grid.affine[:3, :3].astype(np.float32))
    columns = []
    for axis in range(3):
        columns.append(_slope(field, axis + 1) + linear[:, axis, None, None, None])
    (a, b, c), (d, e, f), (g, h, i) = columns
    volume = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return (volume / float(np.linalg.det(grid.affine[:3, :3]))).numpy()


def _slope(field: torch.Tensor, axis: int) -> torch.Tensor:
    """Central differences a voxel, one-sided at the ends; several times faster here than torch.gradient."""
    import torch

    field = field.movedim(axis, -1)
    slope = torch.empty_like(field)
    torch.sub(field[..., 2:], field[..., :-2], out=slope[..., 1:-1]).mul_(0.5)
    slope[..., 0] = field[..., 1] - field[..., 0]
    slope[..., -1] = field[..., -1] - field[..., -2]
    return slope.movedim(-1, axis)


def _turned(matrix: np.ndarray, u: np.ndarray) -> np.ndarray:
    u = np.asarray(u, dtype=np.float32)
    return (matrix.astype(np.float32) @ u.reshape(3, -1)).reshape(u.shape)
