"""ConvexAdam on MIND features, through its authors' package convexAdam (of the extra `peers`)."""

import math
from typing import Any

import numpy as np
import torch
from convexAdam.convex_adam_MIND import convex_adam_pt  # pyright: ignore[reportMissingImports]

from regbench.geometry.fields import voxels_to_mm
from regbench.geometry.images import Volume
from regbench.methods.contract import Context


class ConvexAdam:
    """Coupled convex optimisation, then Adam: H. Siebert, C. Grossbroehmer, L. Hansen and M. P. Heinrich, 2024.

    `options` are those of convexAdam's convex_adam_pt. Images are padded with background behind, to sides that its control
    grids (`grid_sp`, `grid_sp_adam`) divide: else its field is stretched by what is left over.
    """

    def __init__(self, grid_sp: int, grid_sp_adam: int, **options: Any) -> None:
        self.multiple = math.lcm(grid_sp, grid_sp_adam)
        self.options: dict[str, Any] = {**options, "grid_sp": grid_sp, "grid_sp_adam": grid_sp_adam}

    def setup(self, context: Context) -> None:
        torch.set_num_threads(context.threads)
        self.device = torch.device(context.device)

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """The displacement (3, D, H, W) float32 on the fixed grid, LPS mm."""
        behind = [(0, -n % self.multiple) for n in fixed.data.shape]
        f, m = (torch.from_numpy(np.pad(volume.data, behind)) for volume in (fixed, moving))
        precision = torch.float16 if self.device.type == "cuda" else torch.float32
        u = convex_adam_pt(f, m, **self.options, dtype=precision, device=self.device)
        d, h, w = fixed.data.shape
        return np.asarray(voxels_to_mm(np.moveaxis(u, -1, 0)[:, :d, :h, :w], fixed.grid), np.float32)
