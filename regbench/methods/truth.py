"""The pair's known displacement, where the dataset has one: the ceiling that every metric must show."""

from typing import Any

import numpy as np

from regbench.geometry.fields import read_field
from regbench.geometry.images import Volume
from regbench.methods.contract import Context


class Truth:
    """Reads the truth that the preparation expressed on the prepared fixed grid."""

    def setup(self, context: Context) -> None:
        pass

    def for_pair(self, pair: dict[str, Any]) -> None:
        """Read the pair's truth. ValueError when the pair has none or it lies on another grid."""
        if not pair.get("truth"):
            raise ValueError(
                f"pair {pair['pair']} has no known displacement; leave `truth` out of this task's methods"
            )
        self.path = pair["truth"]
        self.field, self.grid = read_field(self.path)

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """The known displacement (3, D, H, W) float32, LPS mm."""
        if not self.grid.same_as(fixed.grid):
            raise ValueError(
                f"{self.path}: not on the grid of the prepared fixed image; prepare the task again"
            )
        return self.field
