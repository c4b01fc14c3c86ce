"""DMI by instance optimisation: no network, the pair itself is optimised, on mutual information and local correlation."""

import numpy as np
import torch

from regbench.geometry.fields import voxels_to_mm
from regbench.geometry.images import Volume
from regbench.methods.contract import Context
from regbench.models.instance import InstanceSettings, Level, optimise


class DMIInstance:
    """Optimises each pair from the identity on (models/instance.py, whose settings the options are).

    `levels`: a list of [factor, steps, "global" or "local", elastic], coarse to fine.
    """

    def __init__(self, levels: list[list], **options: float) -> None:
        self.settings = InstanceSettings(levels=[Level(*level) for level in levels], **options)  # type: ignore[arg-type]
        unknown = {level.term for level in self.settings.levels} - {"global", "local"}
        if unknown or not levels:
            raise ValueError(f"levels={levels}: expected [factor, steps, 'global' or 'local', elastic] each")

    def setup(self, context: Context) -> None:
        torch.set_num_threads(context.threads)
        self.device = torch.device(context.device)

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """Displacement (3, D, H, W) float32 on the fixed grid, LPS mm."""
        f, m = (torch.from_numpy(v.data).float().to(self.device) for v in (fixed, moving))
        return np.asarray(voxels_to_mm(optimise(f, m, self.settings).cpu().numpy(), fixed.grid), np.float32)
