"""Affine alignment of two scans by mutual information, from many starts, so that a large rotation does not fail it.

Both scans are brought to coarse grids along the LPS axes (so that oblique, sheared and flipped files are all alike).
Rotations on a grid of Euler angles, with the centres of mass aligned, are scored at low resolution; the best few and
the headers' own alignment are refined rigidly; the winner goes on to similarity and affine at finer resolution.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from regbench.geometry.grid import Grid, centred_grid
from regbench.geometry.images import Volume
from regbench.geometry.sampling import sample_volume
from regbench.geometry.simpleitk import as_simpleitk
from regbench.prepared.mask import threshold_mask
from regbench.study import AffineSettings

SEARCH, COARSE, FINE = 8.0, 4.0, 3.0  # mm between voxels while searching, and of the two later levels
STEP = np.deg2rad(30)  # between angles tried, three to each side of zero; an optimum is wider than half of it
MARGIN = 12.0  # mm around the fixed foreground, so that an outline has an outside
OUTSIDE = 50.0  # mm of emptiness known around a masked moving scan
BINS = 32
SEED = 1
ITERATIONS = 30  # of the optimiser at each step; more of them gain nothing measurable in label overlap

T = TypeVar("T", bound=sitk.Transform)


@dataclass
class _Scan:
    """One scan made ready: values in [0, 1], outside a mask 0, its foreground's box and centre of mass."""

    data: np.ndarray  # (D, H, W) float32
    grid: Grid
    masked: bool
    corners: np.ndarray  # (2, 3) LPS mm, lowest and highest
    centre: np.ndarray  # (3,) LPS mm


def register_affine(fixed: Volume, moving: Volume, settings: AffineSettings) -> tuple[np.ndarray, float]:
    """The 4x4 matrix that takes fixed LPS mm to moving LPS mm, and the mutual information (nats) it reaches.

    Where a volume has a mask, what lies outside counts as empty; without masks only the overlap of the two fields
    of view is compared. The result depends on the inputs and settings alone.
    Raises ValueError naming the file when an image is empty or the two cannot be brought to overlap.
    """
    scans = _scan(fixed), _scan(moving)
    if _sees_less(scans[1], scans[0]):
        matrix, information = _align(scans[1], scans[0], settings, f"{fixed.path} and {moving.path}")
        return np.linalg.inv(matrix), information
    return _align(*scans, settings, f"{fixed.path} and {moving.path}")


def _sees_less(scan: _Scan, other: _Scan) -> bool:
    """Whether a scan without a mask shows less of the head than the other one, as thick slices often do.

    It then has to be the fixed one: all its samples stay in use wherever they are taken. The other way round the
    overlap, and with it the mutual information, would change with every step, and lead astray.
    """
    if scan.masked or other.masked:
        return False
    return bool(np.prod(np.ptp(scan.corners, axis=0)) < np.prod(np.ptp(other.corners, axis=0)))


def _align(fixed: _Scan, moving: _Scan, settings: AffineSettings, names: str) -> tuple[np.ndarray, float]:
    scans = fixed, moving
    fine, coarse, search = _levels(*scans)
    share = settings.sampling
    with _one_thread():
        starts = _search(*search, scans, settings.starts)
        rigid = sorted((_refine(start, *search) for start in starts), key=_value)
        if not np.isfinite(rigid[0][1]):
            raise ValueError(f"{names}: found no overlap of the two; is either image (or mask) empty?")
        finer = min((_refine(start, *coarse, share) for start, _ in rigid[:2]), key=_value)
        similar, _ = _refine(_similarity(finer[0]), *coarse, share)
        affine, _ = _refine(_affine(similar), *coarse, share)
        found, value = _refine(affine, *fine, share)
    return _matrix(found), -value


@contextmanager
def _one_thread() -> Iterator[None]:
    """ITK's sums over several threads differ in their last bits from run to run; an optimiser makes more of that."""
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


def _value(found: tuple[sitk.Transform, float]) -> float:
    return found[1]


def _scan(volume: Volume) -> _Scan:
    foreground = threshold_mask(volume.data, volume.grid.spacing) if volume.mask is None else volume.mask
    if not foreground.any():
        raise ValueError(f"{volume.path}: nothing to align, the image or its mask is empty")
    low, high = np.percentile(volume.data if volume.mask is None else volume.data[volume.mask], [0.5, 99.5])
    data = np.clip((volume.data - low) / max(high - low, 1e-12), 0, 1).astype(np.float32)
    if volume.mask is not None:
        data[~volume.mask] = 0
    index = np.argwhere(foreground[::2, ::2, ::2]).T * 2
    points = volume.grid.to_points(index)
    corners = np.stack([points.min(axis=1), points.max(axis=1)])
    return _Scan(data, volume.grid, volume.mask is not None, corners, points.mean(axis=1))


def _levels(fixed: _Scan, moving: _Scan) -> list[tuple[sitk.Image, sitk.Image]]:
    """(fixed, moving) at FINE, COARSE and SEARCH: the fixed one around its foreground, the moving one as far as known."""
    levels = []
    for mm in (FINE, COARSE, SEARCH):
        fixed = _resampled(fixed, mm, MARGIN if fixed.masked else 0.0)
        moving = _resampled(moving, mm, OUTSIDE if moving.masked else 0.0)
        levels.append((as_simpleitk(fixed.data, fixed.grid), as_simpleitk(moving.data, moving.grid)))
    return levels


def _resampled(scan: _Scan, mm: float, margin: float) -> _Scan:
    """Smoothed to `mm` and resampled onto a grid along the LPS axes, foreground box plus `margin` mm."""
    widths = [0.5 * np.sqrt(max(mm**2 - s**2, 0)) / s for s in scan.grid.spacing]
    smooth = ndimage.gaussian_filter(scan.data, widths, truncate=3)
    low, high = scan.corners[0] - margin, scan.corners[1] + margin
    a, b, c = (int(n) for n in np.ceil((high - low) / mm) + 1)
    grid = centred_grid((a, b, c), (mm, mm, mm), (low + high) / 2)
    return replace(scan, data=sample_volume(smooth, scan.grid, grid.points(), order=1), grid=grid)


def _method(sampling: float = 1.0) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetInterpolator(sitk.sitkLinear)
    if sampling < 1:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(sampling, SEED)
    return method


def _search(
    fixed: sitk.Image, moving: sitk.Image, scans: tuple[_Scan, _Scan], count: int
) -> list[sitk.Euler3DTransform]:
    """The `count` best rotations with centres of mass aligned, and the headers' own alignment."""
    centred = sitk.Euler3DTransform(scans[0].centre.tolist())
    centred.SetTranslation((scans[1].centre - scans[0].centre).tolist())
    method, tried = _method(), []
    method.SetOptimizerAsExhaustive([3, 3, 3, 0, 0, 0], STEP)
    method.SetOptimizerScales([1] * 6)
    method.SetInitialTransform(centred, inPlace=False)
    method.AddCommand(
        sitk.sitkIterationEvent,
        lambda: tried.append((method.GetMetricValue(), method.GetOptimizerPosition())),
    )
    method.Execute(fixed, moving)
    starts = [sitk.Euler3DTransform(scans[0].centre.tolist())]
    for _, position in sorted(tried)[:count]:
        start = sitk.Euler3DTransform(centred)
        start.SetParameters(position)
        starts.append(start)
    return starts


def _refine(start: T, fixed: sitk.Image, moving: sitk.Image, sampling: float = 1.0) -> tuple[T, float]:
    """The nearest optimum and its metric: minus the mutual information, infinite without overlap."""
    method = _method(sampling)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0,  # estimated once, so that the first step moves voxels by their own size
        minStep=1e-4,
        numberOfIterations=ITERATIONS,
        relaxationFactor=0.7,
        gradientMagnitudeTolerance=1e-8,
        estimateLearningRate=method.Once,
        maximumStepSizeInPhysicalUnits=fixed.GetSpacing()[0],
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:  # ITK's "all samples map outside": a start that leads nowhere, the others may not
        return start, np.inf
    return start, method.GetMetricValue()


def _similarity(rigid: sitk.Euler3DTransform) -> sitk.Similarity3DTransform:
    similar = sitk.Similarity3DTransform()
    similar.SetCenter(rigid.GetCenter())
    similar.SetMatrix(rigid.GetMatrix())
    similar.SetTranslation(rigid.GetTranslation())
    return similar


def _affine(similar: sitk.Similarity3DTransform) -> sitk.AffineTransform:
    affine = sitk.AffineTransform(3)
    affine.SetCenter(similar.GetCenter())
    affine.SetMatrix(similar.GetMatrix())
    affine.SetTranslation(similar.GetTranslation())
    return affine


def _matrix(affine: sitk.AffineTransform) -> np.ndarray:
    """ITK's y = M (x - c) + c + t as a 4x4 matrix."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(affine.GetMatrix(), (3, 3))
    centre, shift = np.array(affine.GetCenter()), np.array(affine.GetTranslation())
    matrix[:3, 3] = centre + shift - matrix[:3, :3] @ centre
    return matrix
