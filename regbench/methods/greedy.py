"""greedy, through picsl_greedy (a package of the extra `peers`)."""

import numpy as np
import SimpleITK as sitk
from picsl_greedy import Greedy3D  # pyright: ignore[reportMissingImports]

from regbench.geometry.images import Volume
from regbench.geometry.simpleitk import as_simpleitk
from regbench.methods.contract import Context
from regbench.methods.masks import masks_of


class Greedy:
    """Greedy diffeomorphic registration: P. A. Yushkevich's greedy (Joshi et al. 2004; Avants et al. 2008).

    `metric` as greedy's -m ("WNCC 2x2x2", "NMI", …), `iterations` from coarse to fine as -n, `smoothing` as -s (SD of
    the smoothing of the gradient and of the field, voxels), `step` as -e. `use_mask`: the metric is taken within both
    masks (-gm and -mm).
    """

    def __init__(
        self, metric: str, iterations: list[int], smoothing: list[float], step: float, use_mask: bool = False
    ) -> None:
        gradient, field = smoothing
        self.use_mask = use_mask
        self.settings = f"-m {metric} -n {'x'.join(map(str, iterations))} -s {gradient}vox {field}vox -e {step} -wp 0 -V 0"

    def setup(self, context: Context) -> None:
        self.settings += (
            f" -threads {context.threads} -seed {context.seed or 1}"  # 0 asks for another draw each time
        )

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """The warp (3, D, H, W) float32 on the fixed grid, LPS mm; RuntimeError when greedy fails."""
        images = {name: as_simpleitk(v.data, v.grid) for name, v in (("fixed", fixed), ("moving", moving))}
        masks = {}
        if self.use_mask:
            both = zip(("gm", "mm"), masks_of(fixed, moving), strict=True)
            masks = {name: as_simpleitk(mask.astype(np.float32), fixed.grid) for name, mask in both}
        words = " ".join(f"-{name} {name}" for name in masks)
        greedy = Greedy3D()
        greedy.execute(f"-i fixed moving -o warp {words} {self.settings}", **images, **masks, warp=None)
        return np.ascontiguousarray(sitk.GetArrayFromImage(greedy["warp"]).T, np.float32)
