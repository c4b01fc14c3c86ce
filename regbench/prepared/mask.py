"""Which voxels are head or brain: from the dataset, or by a threshold."""

from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume, read_volume
from regbench.geometry.sampling import sample_volume
from regbench.study import PrepareSettings

SPECK = 0.01  # noise and ghosts are smaller parts than this share of the largest
CLOSING = 6.0  # mm: half of what skull and the CSF below it take up


def choose_mask(volume: Volume, mask_path: str | None, settings: PrepareSettings) -> np.ndarray | None:
    """The mask that the settings ask for, (D, H, W) bool on the volume's grid; None for `none`.

    Raises ValueError naming the file when the dataset has no mask where one is asked for, or a mask is empty.
    """
    if settings.mask == "none":
        return None
    if settings.mask == "threshold":
        mask = threshold_mask(volume.data, volume.grid.spacing)
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


def for_alignment(volume: Volume, settings: PrepareSettings) -> Volume:
    """The scan as affine alignment should see it: without its mask, where that is a head found by a threshold.

    Two contrasts or fields of view show different parts of a head (scalp, neck), whose outlines must not be matched.
    """
    if settings.mask == "threshold" and not is_stripped(volume.data):
        return replace(volume, mask=None)
    return volume


def threshold_mask(data: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Foreground (D, H, W) bool: above 0 where the outer faces are 0 (a stripped image), else the head, as one solid.

    spacing: (3,) mm. Only the largest connected part is kept, and its holes are filled (ventricles, negative values
    inside). The head is what is above Otsu's threshold, and gaps up to 2 CLOSING wide between its parts (skull, CSF).
    """
    if is_stripped(data):
        return _without_holes(_large_parts(data > 0))
    head = _large_parts(data > otsu(data), SPECK)  # scalp and brain may be apart until the gap is closed
    return _without_holes(_large_parts(_closed(head, spacing)))


def is_stripped(data: np.ndarray) -> bool:
    """Whether all but the brain (or head) is 0, going by the outer faces of the volume."""
    faces = np.concatenate([np.take(data, end, axis).ravel() for axis in range(3) for end in (0, -1)])
    return bool(np.mean(faces <= 0) > 0.9)


def otsu(data: np.ndarray) -> float:
    """Otsu's threshold between air and head, of square roots: with the values as they are it would part white matter
    and fat from all the darker tissue. The brightest voxels (vessels, fat) are clipped first."""
    low, high = np.percentile(data[::2, ::2, ::2], [0, 98])
    image = sitk.GetImageFromArray(np.sqrt(np.clip(data - low, 0, high - low)).astype(np.float32))
    image_filter = sitk.OtsuThresholdImageFilter()
    image_filter.SetNumberOfHistogramBins(128)
    image_filter.Execute(image)
    return float(low + image_filter.GetThreshold() ** 2)


def _closed(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Morphological closing with a ball of CLOSING mm."""
    radius = [round(CLOSING / mm) for mm in spacing[::-1]]
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    return sitk.GetArrayFromImage(sitk.BinaryMorphologicalClosing(image, radius)) > 0


def _large_parts(mask: np.ndarray, share: float = 1.0) -> np.ndarray:
    """The connected parts that have at least that share of the largest one's voxels."""
    parts, count = ndimage.label(mask)  # pyright: ignore[reportGeneralTypeIssues]
    if count < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return (sizes >= share * sizes.max())[parts]


def _without_holes(mask: np.ndarray) -> np.ndarray:
    """All background that a path joins to the outside stays background; ndimage.binary_fill_holes is far slower."""
    parts, _ = ndimage.label(~np.pad(mask, 1))  # pyright: ignore[reportGeneralTypeIssues]
    return (parts != parts[0, 0, 0])[1:-1, 1:-1, 1:-1]
