"""ITK's transform files and vector images as maps of points, read by SimpleITK."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import SimpleITK as sitk

from regbench.geometry.fields import displace, refuse_not_finite
from regbench.geometry.grid import apply_affine
from regbench.geometry.simpleitk import from_simpleitk
from regbench.geometry.transforms import Map, chain

T = TypeVar("T")


def read_field_image(path: Path) -> Map:
    """A displacement field (LPS mm) in a format of ITK's. ValueError names a file that is none."""
    image = _read(sitk.ReadImage, path)
    if (image.GetDimension(), image.GetNumberOfComponentsPerPixel()) != (3, 3):
        raise ValueError(
            f"{path}: {image.GetNumberOfComponentsPerPixel()} components in {image.GetDimension()}-D; expected a "
            "displacement field, 3 components in 3-D, LPS millimetres"
        )
    return _field(image, path)


def read_itk(path: Path) -> Map:
    """A transform file of ITK's or ANTs'. ValueError names a file that is none, or not in 3-D."""
    transform = _read(sitk.ReadTransform, path)
    if transform.GetDimension() != 3:
        raise ValueError(f"{path}: a transform in {transform.GetDimension()}-D; expected 3-D")
    return chain([_map(part, path) for part in _parts(transform)])


def _read(reader: Callable[[str], T], path: Path) -> T:
    try:
        return reader(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ValueError(f"{path}: cannot be read by ITK ({reason})") from error


def _parts(transform: sitk.Transform) -> list[sitk.Transform]:
    """The transforms of a composite one in the order of their work; ITK applies first what was added last.

    A linear one is one matrix, and must not be looked into: SimpleITK wraps those of kinds it has no class for
    (MatrixOffsetTransformBase) in composites without end.
    """
    if transform.IsLinear() or transform.GetTransformEnum() != sitk.sitkComposite:
        return [transform]
    whole = sitk.CompositeTransform(transform)
    numbers = reversed(range(whole.GetNumberOfTransforms()))
    return [part for k in numbers for part in _parts(whole.GetNthTransform(k))]


def _map(transform: sitk.Transform, path: Path) -> Map:
    if transform.IsLinear():
        return partial(apply_affine, _matrix(transform))
    if transform.GetTransformEnum() == sitk.sitkDisplacementField:
        return _field(sitk.DisplacementFieldTransform(transform).GetDisplacementField(), path)

    def move(points: np.ndarray) -> np.ndarray:  # B-splines and all else: ITK, three seconds a million points
        moved = [transform.TransformPoint(point) for point in points.reshape(3, -1).T.tolist()]
        return np.array(moved).T.reshape(points.shape)

    return move


def _field(image: sitk.Image, path: Path) -> Map:
    u, grid = from_simpleitk(image)
    refuse_not_finite(u, path)
    return partial(displace, u=u.astype(np.float32), grid=grid)


def _matrix(transform: sitk.Transform) -> np.ndarray:
    """(4, 4) LPS mm of a linear transform, whatever its parameters are: where it takes the origin and the axes."""
    starts = np.vstack([np.zeros(3), np.eye(3)]).tolist()
    origin, *ends = (np.array(transform.TransformPoint(point)) for point in starts)
    matrix = np.eye(4)
    matrix[:3, :3] = np.column_stack([end - origin for end in ends])
    matrix[:3, 3] = origin
    return matrix
