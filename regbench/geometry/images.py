"""Scalar volumes on disk: NIfTI in any orientation, with its affine honoured, read whole and written whole."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from regbench.geometry.grid import LPS_RAS, Grid
from regbench.records import write_bytes


@dataclass
class Volume:
    """One image in memory; `mask` is the region of interest on the same grid, `path` where the image came from."""

    data: np.ndarray  # (D, H, W)
    grid: Grid
    mask: np.ndarray | None = None  # (D, H, W) bool
    path: Path | None = None


def read_volume(path: Path | str, dtype: type = np.float32) -> Volume:
    """Read a 3-D NIfTI (trailing singleton dimensions are dropped) as `dtype` on its own grid.

    The affine is nibabel's: the sform where it is coded, else the qform, else the spacing alone.
    With an integer `dtype` (labels, masks) the values are checked to be whole numbers that fit it.

    Raises FileNotFoundError, or ValueError that names the file: not NIfTI, cut short, not three-dimensional,
    not scalar, a singular affine, NaN or infinite voxels, or values that are not whole where labels are read.
    """
    path = Path(path)
    return volume_of(load_nifti(path), path, dtype)


def volume_of(image: nib.Nifti1Image, path: Path, dtype: type) -> Volume:
    """The volume of an open image, as `read_volume` returns it and with its errors; `path` is for their messages."""
    header = image.header
    if header.get_data_dtype().kind not in "biuf":
        raise ValueError(
            f"{path}: voxels are {header.get_data_dtype()}, expected one real number each; convert it"
        )
    shape = _squeezed(tuple(image.shape))
    if len(shape) != 3:
        raise ValueError(
            f"{path}: shape {tuple(image.shape)} is not one 3-D volume; "
            "extract the volume to register (fslroi, nibabel's slicer) and point at that file"
        )
    data = read_voxels(image, path).reshape(shape)
    return Volume(_checked(data, np.dtype(dtype), path), grid_of(image, shape, path), path=path)


def read_grid(path: Path | str) -> Grid:
    """The grid of a 3-D NIfTI, from its header alone; errors as `read_volume`'s."""
    path = Path(path)
    image = load_nifti(path)
    return grid_of(image, _squeezed(tuple(image.shape)), path)


def write_volume(path: Path | str, data: np.ndarray, grid: Grid) -> None:
    """Write a scalar volume (D, H, W) to .nii.gz or .nii atomically, sform and qform set.

    float64 is written as float32, bool as uint8, wide integers as int32.
    """
    if data.shape != grid.shape:
        raise ValueError(f"{path}: data of shape {data.shape} on a grid of shape {grid.shape}")
    data = np.asarray(data)
    kept = {"f": np.dtype(np.float32), "b": np.dtype(np.uint8)}.get(data.dtype.kind, data.dtype)
    if kept.itemsize > 4:
        kept = np.dtype(np.int32)
    save_nifti(path, nib.Nifti1Image(data.astype(kept, copy=False), None), grid)


def load_nifti(path: Path) -> nib.Nifti1Image:
    """Open a NIfTI file (1 or 2) without reading its voxels; ValueError names a file that is not one."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        image = nib.load(path)
    except (ImageFileError, OSError, EOFError, zlib.error, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as NIfTI ({error})") from error
    if not isinstance(image, nib.Nifti1Pair):
        raise ValueError(
            f"{path}: expected NIfTI (.nii or .nii.gz), found {type(image).__name__}; convert it"
        )
    return image  # pyright: ignore[reportReturnType]


def read_voxels(image: nib.Nifti1Image, path: Path) -> np.ndarray:
    """The voxels of an open NIfTI, scaled where its header says so; ValueError names a file that is cut short."""
    try:
        return np.asanyarray(image.dataobj)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ValueError(f"{path}: the voxels cannot be read, the file may be cut short ({error})") from error


def grid_of(image: nib.Nifti1Image, shape: tuple[int, ...], path: Path) -> Grid:
    """The grid of an open NIfTI, in LPS; ValueError names the file when its affine is of no use."""
    try:
        return Grid(shape, LPS_RAS @ np.asarray(image.affine, dtype=np.float64))  # pyright: ignore[reportArgumentType]
    except ValueError as error:
        raise ValueError(f"{path}: {error}; repair the header's sform") from error


def save_nifti(path: Path | str, image: nib.Nifti1Image, grid: Grid) -> None:
    """Write an image with the grid's affine, atomically: a reader sees the old file or the new one, never half."""
    path = Path(path)
    if not path.name.endswith((".nii", ".nii.gz")):
        raise ValueError(f"{path}: expected a name that ends in .nii or .nii.gz")
    affine = LPS_RAS @ grid.affine
    image.set_sform(affine, code=1)
    # A quaternion cannot hold a shear; a wrong qform beside a right sform would mislead readers that prefer it.
    image.set_qform(None if grid.sheared else affine, code=0 if grid.sheared else 1)
    image.header.set_zooms((*grid.spacing, *image.header.get_zooms()[3:]))
    image.header.set_xyzt_units("mm")
    content = image.to_bytes()
    if path.suffix == ".gz":
        content = gzip.compress(content, compresslevel=1, mtime=0)  # mtime 0: the same data, the same bytes
    write_bytes(path, content)


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _checked(data: np.ndarray, dtype: np.dtype, path: Path) -> np.ndarray:
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        count = int(np.size(data) - np.isfinite(data).sum())
        raise ValueError(
            f"{path}: {count} voxels are NaN or infinite; replace them (numpy.nan_to_num) and save again"
        )
    if dtype.kind in "iu":
        if data.dtype.kind == "f" and not (data == np.rint(data)).all():
            raise ValueError(
                f"{path}: labels must be whole numbers, found fractions; was it interpolated linearly?"
            )
        limits = np.iinfo(dtype)
        if data.size and (data.min() < limits.min or data.max() > limits.max):
            raise ValueError(f"{path}: values {data.min()} to {data.max()} do not fit {dtype}")
    return np.ascontiguousarray(data, dtype=dtype)
