"""Analyze 7.5 images (.img or .img.gz beside .hdr), which do not say where their axes point: taken as L, P and S.

So ITK reads them too, whatever their field `orient` says; nibabel's own default (L, A, S) is not used. Two images of one
frame agree whatever is assumed: a wrong assumption would mirror both alike.
"""

from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.fileholders import FileHolder
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from regbench.geometry.grid import LPS_RAS
from regbench.geometry.images import Volume, volume_of

HEADER_BYTES = 348
NIFTI_MAGIC = (b"ni1\0", b"n+1\0")  # in the last four bytes of a header, where Analyze has others


def header_of(voxels: Path) -> Path:
    """The .hdr of an .img or .img.gz."""
    return voxels.with_name(voxels.name.removesuffix(".gz").removesuffix(".img") + ".hdr")


def is_analyze(voxels: Path) -> bool:
    """Whether an .img has the header of Analyze, not of a NIfTI pair; OSError where it cannot be read."""
    with header_of(voxels).open("rb") as file:
        return file.read(HEADER_BYTES)[-4:] not in NIFTI_MAGIC


def load_analyze(voxels: Path) -> nib.Nifti1Image:
    """Open an Analyze image by its .img, voxels unread, with axes L, P, S and the first voxel at 0 mm.

    Values are as stored: of the scale factors that programs keep in unused fields none is applied.
    ValueError names the file: not Analyze, or sizes of voxels that are none.
    """
    header = header_of(voxels)
    try:
        files = {"header": FileHolder(str(header)), "image": FileHolder(str(voxels))}
        image = nib.AnalyzeImage.from_file_map(files)
    except (ImageFileError, HeaderDataError, WrapStructError, OSError, EOFError, ValueError) as error:
        raise ValueError(f"{header}: cannot be read as Analyze ({error})") from error
    spacing = np.asarray(image.header.get_zooms()[:3], float)
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise ValueError(f"{header}: voxel size {spacing.tolist()} mm, expected three sizes above zero")
    affine = LPS_RAS @ np.diag([*spacing, 1.0])
    return nib.Nifti1Image(
        image.dataobj, affine, dtype=image.get_data_dtype()
    )  # given, it need not read a voxel


def read_analyze(voxels: Path, dtype: type = np.float32) -> Volume:
    """Read an Analyze image as `read_volume` reads NIfTI, with the same errors."""
    return volume_of(load_analyze(voxels), voxels, dtype)
