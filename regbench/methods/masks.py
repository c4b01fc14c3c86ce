"""The masks of a pair, for methods whose option `use_mask` is on: voxels outside count in no similarity."""

import numpy as np

from regbench.geometry.images import Volume

NO_MASK = (
    "use_mask needs masks; set the task's `prepare.mask` to `dataset` or `threshold`, or `use_mask` to false"
)


def masks_of(fixed: Volume, moving: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Both masks (D, H, W) bool, all of an image that has none; ValueError when neither has one."""
    if fixed.mask is None and moving.mask is None:
        raise ValueError(f"neither image of the pair has a mask, and {NO_MASK}")
    found = [np.ones(v.data.shape, bool) if v.mask is None else v.mask for v in (fixed, moving)]
    return found[0], found[1]
