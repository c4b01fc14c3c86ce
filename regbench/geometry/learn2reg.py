"""Learn2Reg's displacement fields: voxels of one array to voxels of the other."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from regbench.geometry.fields import refuse_not_finite
from regbench.geometry.grid import Grid
from regbench.geometry.images import load_nifti, read_voxels
from regbench.geometry.sampling import sample
from regbench.geometry.transforms import Map


def read_voxel_map(path: Path | str, fixed: Grid, moving: Grid) -> Map:
    """The voxel of the moving array is the voxel of the fixed one plus a displacement in voxels.

    NIfTI (D, H, W, 3), or .npz whose first array is (3, D, H, W), on the fixed grid or, as in the challenges of 2020
    and 2021, on one of half as many voxels along each axis, which a spline of order 2 brings to the whole one as the
    organisers' evaluation does; the values are voxels of the whole grid either way
    (https://learn2reg.grand-challenge.org/Submission/). Raises FileNotFoundError, or ValueError that names the file.
    """
    path = Path(path)
    u = _read(path)
    if u.ndim == 4 and tuple(2 * n for n in u.shape[1:]) == fixed.shape:
        from scipy.ndimage import zoom

        u = np.stack([zoom(component, 2, order=2) for component in u])
    if u.shape != (3, *fixed.shape):
        raise ValueError(
            f"{path}: found displacements of shape {u.shape}; expected {(3, *fixed.shape)}, components first, on the "
            "fixed grid"
        )
    refuse_not_finite(u, path)

    def move(points: np.ndarray) -> np.ndarray:
        index = fixed.to_index(points)
        return moving.to_points(index + sample(u, index, order=1, fill=None))

    return move


def _read(path: Path) -> np.ndarray:
    """(3, D, H, W) float32 voxels, if it is what it should be."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.suffix != ".npz":
        return np.moveaxis(read_voxels(load_nifti(path), path), -1, 0).astype(np.float32)
    try:
        with np.load(path) as arrays:
            return arrays[arrays.files[0]].astype(np.float32)
    except (OSError, ValueError, IndexError, BadZipFile) as error:
        raise ValueError(f"{path}: cannot be read as .npz ({error})") from error
