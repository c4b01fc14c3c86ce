"""Diffeomorphic demons, through SimpleITK."""

import numpy as np
import SimpleITK as sitk

from regbench.geometry.images import Volume
from regbench.geometry.simpleitk import as_simpleitk
from regbench.methods.contract import Context


class Demons:
    """Diffeomorphic demons with ITK's symmetric forces: T. Vercauteren et al., NeuroImage 45 (2009) S61-S72.

    `iterations` from coarse to fine, on images reduced by `shrink_factors`; `smoothing`: SD in voxels of the smoothing of
    the field, `update_smoothing` of each update (0: none); `step`: the longest update, voxels.
    """

    def __init__(
        self,
        iterations: list[int],
        shrink_factors: list[int],
        smoothing: float,
        update_smoothing: float,
        step: float,
    ) -> None:
        if len(iterations) != len(shrink_factors):
            raise ValueError("demons: iterations and shrink_factors must be of one length")
        self.levels = list(zip(iterations, shrink_factors, strict=True))
        self.smoothing, self.update_smoothing, self.step = smoothing, update_smoothing, step

    def setup(self, context: Context) -> None:
        self.threads = context.threads

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """The displacement (3, D, H, W) float32 on the fixed grid, LPS mm."""
        images = [as_simpleitk(volume.data, volume.grid) for volume in (fixed, moving)]
        field: sitk.Image | None = None
        for iterations, factor in self.levels:
            f, m = (_reduced(image, factor) for image in images)
            demons = self._filter(iterations)
            field = demons.Execute(f, m) if field is None else demons.Execute(f, m, _onto(field, f))
        assert field is not None
        return np.ascontiguousarray(sitk.GetArrayFromImage(_onto(field, images[0])).T, np.float32)

    def _filter(self, iterations: int) -> sitk.DiffeomorphicDemonsRegistrationFilter:
        demons = sitk.DiffeomorphicDemonsRegistrationFilter()
        demons.SetNumberOfThreads(self.threads)
        demons.SetNumberOfIterations(iterations)
        demons.SetSmoothDisplacementField(self.smoothing > 0)
        demons.SetStandardDeviations(self.smoothing)
        demons.SetSmoothUpdateField(self.update_smoothing > 0)
        demons.SetUpdateFieldStandardDeviations(self.update_smoothing)
        demons.SetMaximumUpdateStepLength(self.step)
        return demons


def _reduced(image: sitk.Image, factor: int) -> sitk.Image:
    if factor == 1:
        return image
    sd = [0.5 * factor * mm for mm in image.GetSpacing()]
    return sitk.Shrink(sitk.SmoothingRecursiveGaussian(image, sd), [factor] * 3)


def _onto(field: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """A field, float64, sampled on another grid; beyond its outer voxels it goes on as it is there."""
    return sitk.Resample(
        field,
        grid,
        sitk.Transform(),
        sitk.sitkLinear,
        0.0,
        sitk.sitkVectorFloat64,
        useNearestNeighborExtrapolator=True,
    )
