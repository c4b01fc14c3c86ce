"""Transforms made elsewhere, read as what they do to points: ITK, ANTs and elastix files.

A `Map` takes points (3, ...) of the fixed image to points (3, ...) of the moving one, LPS mm, float64.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from regbench.geometry.fields import displace, read_field

Map = Callable[[np.ndarray], np.ndarray]
FIELDS = (".nii", ".nii.gz")
IMAGES = (".mha", ".mhd", ".nrrd", ".nhdr")
TRANSFORMS = (".mat", ".tfm", ".h5", ".hdf5", ".txt")


def read_map(path: Path | str) -> Map:
    """A displacement field (NIfTI, MetaImage, NRRD), an ITK transform (.mat, .tfm, .txt, .h5), also a composite one,
    or elastix's TransformParameters.N.txt with those it begins with. Beyond a field's grid its nearest edge holds.

    Raises FileNotFoundError, or ValueError that names the file: of another kind, cut short, not in 3-D, not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    name = path.name.lower()
    if name.endswith(FIELDS):
        u, grid = read_field(path)
        return partial(displace, u=u, grid=grid)
    if name.endswith(IMAGES):
        from regbench.geometry.itk_transforms import read_field_image

        return read_field_image(path)
    if not name.endswith(TRANSFORMS):
        raise ValueError(
            f"{path}: no kind of transform that can be read; expected {', '.join((*FIELDS, *IMAGES, *TRANSFORMS))}"
        )
    if name.endswith(".txt") and path.read_bytes().lstrip()[:1] in (b"(", b"/"):
        from regbench.geometry.elastix import read_elastix

        return read_elastix(path)
    from regbench.geometry.itk_transforms import read_itk

    return read_itk(path)


def chain(maps: list[Map]) -> Map:
    """All maps one after another, the first one first."""

    def move(points: np.ndarray) -> np.ndarray:
        for each in maps:
            points = each(points)
        return points

    return move
