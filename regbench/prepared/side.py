"""One side of a pair: a scan read once, and resampled once onto the task's grid.

`to_original` takes prepared-space LPS mm to the original scan's LPS mm; scores sample the original there.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from regbench.geometry.grid import Grid, apply_affine, centred_grid
from regbench.geometry.images import Volume, read_volume, write_volume
from regbench.geometry.sampling import sample_volume
from regbench.prepared.intensity import n4, normalise, percentile_range
from regbench.prepared.mask import choose_mask, threshold_mask
from regbench.study import GridSettings, PrepareSettings


@dataclass(frozen=True)
class Scan:
    """A native scan, bias-corrected where asked for, with its mask and intensity range."""

    volume: Volume
    normalisation: dict[str, float]


def read_scan(data: dict[str, Any], contrast: str, settings: PrepareSettings) -> Scan:
    """Read a subject's image of one contrast, from its data record, with mask, N4 and range as the settings ask.

    Raises ValueError or FileNotFoundError naming the file, KeyError's message naming the contrasts there are.
    """
    if contrast not in data["images"]:
        raise ValueError(
            f"{data['subject']}: no image of contrast {contrast!r}, there are {sorted(data['images'])}"
        )
    volume = read_volume(data["images"][contrast])
    volume.mask = choose_mask(volume, data.get("mask"), settings)
    if settings.n4:
        volume.data = n4(volume)
    return Scan(volume, percentile_range(volume.data, volume.mask, settings.percentiles))


def reread_scan(side: dict[str, Any]) -> Scan:
    """The scan of a side that was prepared before: corrected image, native mask and range from its record."""
    volume = read_volume(side["original"])
    if side["original_mask"] is not None:
        volume.mask = read_volume(side["original_mask"], dtype=np.uint8).data > 0
    return Scan(volume, side["normalisation"])


def grid_around(volume: Volume, settings: GridSettings) -> Grid:
    """The task's grid, along the LPS axes, centred on the box of the mask (or foreground) in the scan's own space."""
    foreground = threshold_mask(volume.data, volume.grid.spacing) if volume.mask is None else volume.mask
    low, high = box_of(foreground, volume.grid)
    return centred_grid(settings.shape, settings.spacing, (low + high) / 2)


def box_of(mask: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """The least and greatest LPS mm, each (3,), of the voxels in a mask (D, H, W)."""
    points = grid.to_points(np.argwhere(mask).T)
    return points.min(axis=1), points.max(axis=1)


def shown_at(scan: Scan, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """A scan at points (3, D, H, W) of its own LPS mm, as methods see it: (image, mask), each (D, H, W).

    Normalised to [0, 1]; 0 outside the mask where there is one.
    """
    volume = scan.volume
    image = normalise(sample_volume(volume.data, volume.grid, points, order=1), scan.normalisation)
    if volume.mask is None:
        return image, None
    mask = sample_volume(volume.mask.astype(np.uint8), volume.grid, points, order=0) > 0
    image[~mask] = 0
    return image, mask


def write_side(
    scan: Scan, grid: Grid, to_original: np.ndarray, stem: Path, labels: str | None, who: dict[str, Any]
) -> dict[str, Any]:
    """Resample a scan onto `grid`, write STEM.nii.gz and STEM_mask.nii.gz, and return the SIDE record.

    who: {"subject", "contrast", "landmarks" (their file or None)}.
    """
    image, mask = shown_at(scan, apply_affine(to_original, grid.points()))
    mask_path = None
    if mask is not None:
        mask_path = stem.with_name(f"{stem.name}_mask.nii.gz")
        write_volume(mask_path, mask, grid)
    image_path = stem.with_name(f"{stem.name}.nii.gz")
    write_volume(image_path, image, grid)
    return {
        **who,
        "image": str(image_path),
        "mask": str(mask_path) if mask_path else None,
        "original": str(scan.volume.path),
        "labels": labels,
        "to_original": to_original.tolist(),
        "normalisation": scan.normalisation,
    }


def keep_native(scan: Scan, stem: Path, corrected: bool) -> tuple[Scan, str | None]:
    """Write what a later step needs and the dataset does not hold: the corrected image and the native mask.

    Returns the scan with its path changed to the corrected copy, and the path of the native mask.
    """
    volume, mask_path = scan.volume, None
    if corrected:
        path = stem.with_name(f"{stem.name}_n4.nii.gz")
        write_volume(path, volume.data, volume.grid)
        scan = replace(scan, volume=replace(volume, path=path))
    if volume.mask is not None:
        mask_path = str(stem.with_name(f"{stem.name}_original-mask.nii.gz"))
        write_volume(mask_path, volume.mask, volume.grid)
    return scan, mask_path
