"""DMI by instance optimisation: no network, the pair itself is optimised, on mutual information and local correlation."""

import numpy as np
import torch
from torch import Tensor

from regbench.geometry.fields import voxels_to_mm
from regbench.geometry.images import Volume
from regbench.methods.contract import Context
from regbench.methods.masks import masks_of
from regbench.models.instance import InstanceSettings, Level, optimise


class DMIInstance:
    """Optimises each pair from the identity on (models/instance.py, whose settings the options are).

    `levels`: a list of [factor, steps, "global" or "local", elastic], coarse to fine. `use_mask`: what lies outside either
    mask does not count.
    """

    def __init__(self, levels: list[list], use_mask: bool = False, **options: float) -> None:
        self.use_mask = use_mask
        if not levels or not all(_is_level(level) for level in levels):
            raise ValueError(
                f"levels={levels}: expected a list of [factor, steps, 'global' or 'local', elastic], "
                "factor and steps whole numbers from 1 on"
            )
        self.settings = InstanceSettings(levels=[Level(*level) for level in levels], **options)  # type: ignore[arg-type]
        if self.settings.remap < 1 or self.settings.radius < 1:
            raise ValueError(
                f"remap={self.settings.remap}, radius={self.settings.radius}: expected at least 1"
            )

    def setup(self, context: Context) -> None:
        torch.set_num_threads(context.threads)
        self.device = torch.device(context.device)

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """Displacement (3, D, H, W) float32 on the fixed grid, LPS mm."""
        f, m = (torch.from_numpy(v.data).float().to(self.device) for v in (fixed, moving))
        masks = None
        if self.use_mask:
            of_fixed, of_moving = (torch.from_numpy(x).to(self.device) for x in masks_of(fixed, moving))
            masks = of_fixed, of_moving
        u = optimise(f, m, self.settings, self.start(fixed, moving), masks)
        return np.asarray(voxels_to_mm(u.cpu().numpy(), fixed.grid), np.float32)

    def start(self, fixed: Volume, moving: Volume) -> Tensor | None:
        """The displacement (3, D, H, W) in voxels to begin from, None for the identity."""
        return None


def _is_level(level: list) -> bool:
    if not isinstance(level, list) or len(level) != 4 or level[2] not in ("global", "local"):
        return False
    return all(isinstance(n, int) and n >= 1 for n in level[:2]) and level[3] >= 0
