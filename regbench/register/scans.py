"""Two raw scans made ready for one registration: masks, affine views, the working grid, and both on it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from regbench.geometry.grid import Grid, apply_affine, centred_grid
from regbench.geometry.images import Volume, read_volume
from regbench.geometry.sampling import sample_volume
from regbench.models.files import ModelFacts
from regbench.prepared.intensity import percentile_range
from regbench.prepared.mask import for_alignment, read_mask, threshold_mask
from regbench.prepared.side import Scan, box_of, write_side
from regbench.register.request import Request
from regbench.study import PrepareSettings

FINEST = 1.0  # mm between voxels of the working grid, unless another spacing is asked for
MARGIN = 10.0  # mm of the working grid around the fixed foreground, and around a mask that both images are cut with
MULTIPLE = 8  # of voxels along each axis of the working grid


def read_scans(request: Request) -> tuple[Scan, Scan]:
    """Fixed and moving, each with its mask (the one given, else its foreground) and intensity range."""
    return _scan(request.fixed, request.mask), _scan(request.moving, request.moving_mask)


def _scan(path: Path, mask: Path | None) -> Scan:
    volume = read_volume(path)
    if volume.grid.sheared:
        raise ValueError(
            f"{path}: its axes are not at right angles, which ITK images cannot express; resample it"
        )
    volume.mask = (
        read_mask(str(mask), volume.grid) if mask else threshold_mask(volume.data, volume.grid.spacing)
    )
    if not volume.mask.any():
        raise ValueError(f"{mask or path}: the mask is empty on the grid of {path}")
    try:
        return Scan(volume, percentile_range(volume.data, volume.mask, PrepareSettings().percentiles))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def for_affine(volume: Volume, request: Request) -> Volume:
    """With its mask where both scans' were given, or neither's: a brain and a whole head have no outline in common."""
    given = [mask is not None for mask in (request.mask, request.moving_mask)]
    if all(given):
        return volume
    return replace(volume, mask=None) if any(given) else for_alignment(volume, PrepareSettings())


def working_grid(fixed: Volume, request: Request, facts: ModelFacts | None) -> Grid:
    """Along the LPS axes, around the fixed foreground; a learned method's is that of its training."""
    assert fixed.mask is not None
    low, high = box_of(fixed.mask, fixed.grid)
    if facts is None:
        mm = request.spacing or max(FINEST, float(fixed.grid.spacing.min()))
        a, b, c = (MULTIPLE * int(n) for n in np.ceil((high - low + 2 * MARGIN) / mm / MULTIPLE))
        return centred_grid((a, b, c), (mm, mm, mm), (low + high) / 2)
    if request.spacing is not None:
        raise ValueError(
            f"--spacing: {request.model} works at {_mm(facts.spacing)} mm, as it was trained; leave it out"
        )
    room = np.array(facts.shape) * facts.spacing
    if (high - low > room).any():
        raise ValueError(
            f"{fixed.path}: its foreground takes {_mm(high - low)} mm, the model {request.model} sees {_mm(room)} mm; "
            "give a brain mask (--mask), or train a model on a larger grid"
        )
    return centred_grid(facts.shape, facts.spacing, (low + high) / 2)


def _mm(lengths: Any) -> str:
    return " x ".join(f"{length:.4g}" for length in lengths)


def shown(
    scans: tuple[Scan, Scan], matrix: np.ndarray, request: Request, facts: ModelFacts | None
) -> tuple[Scan, Scan]:
    """Both scans as the method sees them. A mask of the fixed scan alone cuts out both.

    A head found by a threshold is not cut out: two contrasts differ in what of it (scalp, fat) they show. For a model it
    is, as a study prepares its training by default.
    """
    fixed, moving = scans
    if facts is None:
        fixed, moving = _whole(fixed, request.mask), _whole(moving, request.moving_mask)
    if request.mask is not None and request.moving_mask is None:
        moving = _cut(moving, fixed.volume, matrix)
    return fixed, moving


def pair_record(
    scans: tuple[Scan, Scan], grid: Grid, matrix: np.ndarray, folder: Path, facts: ModelFacts | None
) -> dict[str, Any]:
    """The PAIR record of both scans, written into `folder` on the working grid."""
    contrasts = facts.contrasts if facts else ("fixed", "moving")
    sides = {
        side: write_side(
            scan, grid, to_original, folder / side, None, {"subject": side, "contrast": contrast}
        )
        for side, scan, to_original, contrast in zip(
            ("fixed", "moving"), scans, (np.eye(4), matrix), contrasts, strict=True
        )
    }
    return {"pair": "fixed__moving", "status": "ok", "message": "", "truth": None, **sides}


def _whole(scan: Scan, mask: Path | None) -> Scan:
    """The scan without its mask, where that is a head found by a threshold."""
    if mask is not None:
        return scan
    return replace(scan, volume=for_alignment(scan.volume, PrepareSettings()))


def _cut(moving: Scan, fixed: Volume, matrix: np.ndarray) -> Scan:
    """The moving scan with the fixed one's mask, widened and carried over by the affine, and its range in there."""
    assert fixed.mask is not None
    distance: Any = ndimage.distance_transform_edt(~fixed.mask, sampling=fixed.grid.spacing)
    volume = moving.volume
    points = apply_affine(np.linalg.inv(matrix), volume.grid.points())
    wide = sample_volume((distance <= MARGIN).astype(np.uint8), fixed.grid, points, order=0) > 0
    if not wide.any():
        raise ValueError(
            f"{volume.path}: lies wholly outside the mask of {fixed.path} after affine alignment"
        )
    cut = replace(volume, mask=wide)
    return Scan(cut, percentile_range(cut.data, wide, PrepareSettings().percentiles))
