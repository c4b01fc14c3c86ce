"""Displacement fields made elsewhere, found by the names of the pair's subjects."""

from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np

from regbench.geometry.fields import read_field, resample_field, voxels_to_mm
from regbench.geometry.images import Volume
from regbench.methods.contract import Context


class Precomputed:
    """Fields that map the prepared fixed image to the prepared moving image.

    `fields`: a path with {fixed} and {moving} in it, e.g. "/data/mine/{fixed}_{moving}.nii.gz".
    `layout`: "itk", a displacement field in LPS mm on any grid (beyond it the nearest edge counts), or "learn2reg",
    an array (D, H, W, 3) of voxel displacements on the prepared fixed grid (https://learn2reg.grand-challenge.org).
    """

    def __init__(self, fields: str, layout: Literal["itk", "learn2reg"] = "itk") -> None:
        if "{fixed}" not in fields or "{moving}" not in fields:
            raise ValueError(
                f"precomputed: fields={fields!r} must hold {{fixed}} and {{moving}}, the subjects' names"
            )
        if layout not in ("itk", "learn2reg"):
            raise ValueError(f"precomputed: layout={layout!r}; expected 'itk' or 'learn2reg'")
        self.fields = fields
        self.layout = layout

    def setup(self, context: Context) -> None:
        pass

    def for_pair(self, pair: dict[str, Any]) -> None:
        """Find the pair's file; FileNotFoundError names the file that was expected."""
        names = {side: pair[side]["subject"] for side in ("fixed", "moving")}
        self.path = Path(self.fields.format(**names))
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path}: no field for the pair {pair['pair']}")

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """The file's displacement on the fixed grid (3, D, H, W) float32, LPS mm."""
        return self._from_voxels(fixed) if self.layout == "learn2reg" else self._from_itk(fixed)

    def _from_voxels(self, fixed: Volume) -> np.ndarray:
        array = np.asanyarray(nib.load(self.path).dataobj)  # pyright: ignore[reportAttributeAccessIssue]
        if array.shape != (*fixed.grid.shape, 3):
            raise ValueError(
                f"{self.path}: shape {array.shape}; expected {(*fixed.grid.shape, 3)}, the prepared grid"
            )
        return voxels_to_mm(np.moveaxis(array, -1, 0).astype(np.float32), fixed.grid)

    def _from_itk(self, fixed: Volume) -> np.ndarray:
        field, grid = read_field(self.path)
        return field if grid.same_as(fixed.grid) else resample_field(field, grid, fixed.grid)
