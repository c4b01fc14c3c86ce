"""Affine alignment of two scans by mutual information, from many starts, so that a large rotation does not fail it.

Both scans are brought to coarse grids along the LPS axes (so that oblique, sheared and flipped files are all alike).
All rotations of a grid of Euler angles, with the centres of mass aligned, and the headers' own alignment are scored
at low resolution; the best few are refined rigidly; the winner goes on to similarity and affine at finer resolution.
"""

import itertools
import logging
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from regbench.geometry.grid import Grid, centred_grid
from regbench.geometry.images import Volume
from regbench.geometry.sampling import sample_volume
from regbench.prepared.mask import otsu
from regbench.study import AffineSettings

log = logging.getLogger(__name__)

SEARCH, COARSE, FINE = 8.0, 4.0, 2.0  # mm between voxels while searching, and of the two later levels
ANGLES = np.deg2rad(np.arange(-90, 91, 30))  # tried about each axis; a local optimum is wider than half a step
BINS = 32
SEED = 1


@dataclass
class _Level:
    """One scan at one resolution; values in [0, 1]."""

    image: sitk.Image
    centre: np.ndarray  # (3,) LPS mm, centre of mass


def register_affine(fixed: Volume, moving: Volume, settings: AffineSettings) -> tuple[np.ndarray, float]:
    """The 4x4 matrix that takes fixed LPS mm to moving LPS mm, and the mutual information (nats) it reaches.

    Where a volume has a mask, what lies outside counts as empty; without masks, only the overlap of the two fields
    of view is compared. The result depends on the inputs and settings alone, not on the number of threads.
    Raises ValueError when the two cannot be brought to overlap.
    """
    levels = {mm: (_level(fixed, mm), _level(moving, mm)) for mm in (SEARCH, COARSE, FINE)}
    starts = _search(*levels[SEARCH], count=settings.starts)
    rigid = [_refine(start, *levels[SEARCH], iterations=60) for start in starts]
    rigid.sort(key=lambda found: found[1])
    ...
