"""ANTs SyN, through antspyx; nothing but the deformable stage."""

import tempfile
from pathlib import Path

import ants
import numpy as np
from ants.internal import get_pointer_string

from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume
from regbench.methods.contract import Context
from regbench.methods.masks import masks_of
from regbench.problems import nearest

METRICS = ("Mattes", "MI", "CC", "MeanSquares", "Demons", "GC")


class SyN:
    """Symmetric normalisation: Avants et al., Medical Image Analysis 12 (2008) 26-41.

    `metric` of antsRegistration, with `bins` (Mattes, MI) or `radius` (CC, voxels). `iterations` from coarse to fine (as many
    `shrink_factors` and `smoothing_sigmas`, the latter in voxels); `gradient_step`, `update_sigma` and `total_sigma` (voxels) as antsRegistration's SyN[step,update,total]. `use_mask`: the
    metric is taken within both masks (--masks).
    """

    def __init__(
        self,
        metric: str,
        gradient_step: float,
        update_sigma: float,
        total_sigma: float,
        iterations: list[int],
        shrink_factors: list[int],
        smoothing_sigmas: list[float],
        convergence: list[float],
        bins: int = 32,
        radius: int = 4,
        use_mask: bool = False,
    ) -> None:
        if not len(iterations) == len(shrink_factors) == len(smoothing_sigmas):
            raise ValueError("syn: iterations, shrink_factors and smoothing_sigmas must be of one length")
        if metric not in METRICS:
            raise ValueError(
                f"metric={metric!r}{nearest(metric, METRICS)}: not a metric of antsRegistration; "
                f"expected one of {', '.join(METRICS)}"
            )
        threshold, window = convergence
        self.metric, self.use_mask = (metric, radius if metric == "CC" else bins), use_mask
        self.settings = [
            *("--transform", f"SyN[{gradient_step},{update_sigma},{total_sigma}]"),
            *("--convergence", f"[{_crosses(iterations)},{threshold},{window:g}]"),
            *("--shrink-factors", _crosses(shrink_factors)),
            *("--smoothing-sigmas", _crosses(smoothing_sigmas)),
        ]

    def setup(self, context: Context) -> None:
        self.seed = context.seed

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """The forward warp (3, D, H, W) float32 on the fixed grid, LPS mm; RuntimeError when antsRegistration fails."""
        images = [_image(fixed.data, fixed.grid), _image(moving.data, moving.grid)]
        pointers = ",".join(get_pointer_string(image) for image in images)
        masks = masks_of(fixed, moving) if self.use_mask else ()
        masks = [
            _image(mask, fixed.grid, np.uint8) for mask in masks
        ]  # named: antsRegistration is given their places
        metric, width = self.metric
        with tempfile.TemporaryDirectory() as folder:
            stage = ["--metric", f"{metric}[{pointers},1,{width}]", *self.settings]
            if masks:
                stage += ["--masks", f"[{','.join(get_pointer_string(mask) for mask in masks)}]"]
            common = ["--dimensionality", "3", "--random-seed", str(self.seed), "--float", "1"]
            ants.registration([*common, *stage, "--output", f"{folder}/"], None)
            warp = ants.image_read(str(next(Path(folder).glob("*[0-9]Warp.nii.gz"))))
            return np.ascontiguousarray(np.moveaxis(warp.numpy(), -1, 0), np.float32)


def _image(data: np.ndarray, grid: Grid, dtype: type = np.float32) -> ants.ANTsImage:
    origin = tuple(map(float, grid.affine[:3, 3]))
    spacing = tuple(map(float, grid.spacing))
    return ants.from_numpy(data.astype(dtype), origin=origin, spacing=spacing, direction=grid.direction)


def _crosses(values: list[int] | list[float]) -> str:
    return "x".join(f"{value:g}" for value in values)
