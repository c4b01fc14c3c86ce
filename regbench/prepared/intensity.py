"""Intensities: bias correction, and the range that is mapped to [0, 1]."""

import numpy as np
import SimpleITK as sitk

from regbench.geometry.images import Volume
from regbench.prepared.mask import threshold_mask

N4_SHRINK = 4  # the bias is smooth; N4's own authors estimate it on a shrunken image (Tustison 2010)
N4_ITERATIONS = [50, 50, 50]


def percentile_range(
    data: np.ndarray, mask: np.ndarray | None, percentiles: tuple[float, float]
) -> dict[str, float]:
    """{"low", "high"}: the values that become 0 and 1, percentiles of the voxels in the mask (all without one).

    Raises ValueError where both are the same, as in an empty or constant image.
    """
    low, high = np.percentile(data if mask is None else data[mask], percentiles)
    if not high > low:
        raise ValueError(
            f"the image is constant: percentiles {percentiles} are both {low}; is it the right file?"
        )
    return {"low": float(low), "high": float(high)}


def normalise(data: np.ndarray, normalisation: dict[str, float]) -> np.ndarray:
    """clip((v - low) / (high - low), 0, 1) as float32."""
    low, high = normalisation["low"], normalisation["high"]
    return np.clip((data - low) / (high - low), 0, 1).astype(np.float32)


def n4(volume: Volume) -> np.ndarray:
    """The image divided by its bias field: (D, H, W) float32. The bias is estimated in the mask, or the foreground."""
    mask = threshold_mask(volume.data, volume.grid.spacing) if volume.mask is None else volume.mask
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.data.T, dtype=np.float32))
    region = sitk.GetImageFromArray(np.ascontiguousarray(mask.T).astype(np.uint8))
    for item in (image, region):
        item.SetSpacing(volume.grid.spacing.tolist())
    factors = [N4_SHRINK if n >= 32 else 1 for n in volume.grid.shape]
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations(N4_ITERATIONS)
    corrector.Execute(sitk.Shrink(image, factors), sitk.Shrink(region, factors))
    log_bias = sitk.GetArrayFromImage(corrector.GetLogBiasFieldAsImage(image)).T
    return (volume.data / np.exp(log_bias)).astype(np.float32)
