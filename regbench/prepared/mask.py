"""Which voxels are head or brain: from the dataset, or by a threshold."""

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume, read_volume
from regbench.geometry.sampling import sample_volume
from regbench.study import PrepareSettings


def choose_mask(volume: Volume, mask_path: str | None, settings: PrepareSettings) -> np.ndarray | None:
    """The mask that the settings ask for, (D, H, W) bool on the volume's grid; None for `none`.

    Raises ValueError naming the file when the dataset has no mask where one is asked for, or a mask is empty.
    """
    if settings.mask == "none":
        return None
    if settings.mask == "threshold":
        mask = threshold_mask(volume.data)
    elif mask_path is None:
        raise ValueError(
            f"{volume.path}: the dataset gives no mask; give one, or set prepare.mask to `threshold`"
        )
    else:
        mask = read_mask(mask_path, volume.grid)
    if not mask.any():
        raise ValueError(f"{volume.path}: the mask ({settings.mask}) is empty on this image's grid")
    return mask


def read_mask(path: str, onto: Grid) -> np.ndarray:
    """A mask file (anything above 0 is inside) as (D, H, W) bool on `onto`, nearest where the grids differ."""
    mask = read_volume(path)
    if mask.grid.same_as(onto):
        return mask.data > 0
    return sample_volume((mask.data > 0).astype(np.uint8), mask.grid, onto.points(), order=0) > 0


def threshold_mask(data: np.ndarray) -> np.ndarray:
    """Foreground (D, H, W) bool: above 0 where the outer faces are 0 (a stripped image), else above Otsu's threshold.

    Only the largest connected part is kept, and its holes are filled (ventricles, negative values inside).
    """
    faces = np.concatenate([np.take(data, end, axis).ravel() for axis in range(3) for end in (0, -1)])
    stripped = np.mean(faces <= 0) > 0.9
    return _without_holes(_largest_part(data > (0 if stripped else otsu(data))))


def otsu(data: np.ndarray) -> float:
    """Otsu's threshold between air and head; the brightest voxels (vessels, fat) are clipped first."""
    low, high = np.percentile(data[::2, ::2, ::2], [0, 98])
    image = sitk.GetImageFromArray(np.clip(data, low, high).astype(np.float32))
    image_filter = sitk.OtsuThresholdImageFilter()
    image_filter.SetNumberOfHistogramBins(128)
    image_filter.Execute(image)
    return float(image_filter.GetThreshold())


def _largest_part(mask: np.ndarray) -> np.ndarray:
    parts, count = ndimage.label(mask)  # pyright: ignore[reportGeneralTypeIssues]
    if count < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return parts == sizes.argmax()


def _without_holes(mask: np.ndarray) -> np.ndarray:
    """All background that a path joins to the outside stays background; ndimage.binary_fill_holes is far slower."""
    parts, _ = ndimage.label(~np.pad(mask, 1))  # pyright: ignore[reportGeneralTypeIssues]
    return (parts != parts[0, 0, 0])[1:-1, 1:-1, 1:-1]
