"""No deformation: the paper's "Affine" row, and the floor that every metric must show."""

import numpy as np

from regbench.geometry.images import Volume
from regbench.methods.contract import Context


class Identity:
    """Leaves the affine alignment of the preparation as it is."""

    def setup(self, context: Context) -> None:
        pass

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """Zero displacement (3, D, H, W) float32, mm."""
        return np.zeros((3, *fixed.grid.shape), np.float32)
