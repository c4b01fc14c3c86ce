"""Elastix B-spline registration, through itk-elastix; parameters in bspline.txt beside this file."""

from pathlib import Path
from typing import Any

import itk as _itk
import numpy as np

from regbench.geometry.elastix import transformix
from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume
from regbench.methods.contract import Context
from regbench.methods.masks import masks_of

itk: Any = _itk  # the module makes its classes as they are asked for, unseen by a type checker
PARAMETERS = Path(__file__).with_suffix(".txt")
Setting = str | int | float | list[int] | list[float]


class BSpline:
    """Klein et al., elastix, IEEE Transactions on Medical Imaging 29 (2010) 196-205.

    Options are elastix parameters by their own names, laid over those of bspline.txt. `sample_in_mask` draws samples within
    the fixed image's mask alone, where it has one: then nothing holds the outline, which costs little between scans of one
    contrast and much between two (DSC 0.33 for 0.47 on three training pairs of stripped heads at 2 mm, where the affine
    alone has 0.42). It takes about 0.6 of the time. `use_mask` also leaves out those that fall outside the moving image's.
    """

    def __init__(self, use_mask: bool = False, sample_in_mask: bool = False, **parameters: Setting) -> None:
        self.use_mask, self.sample_in_mask = use_mask, sample_in_mask
        self.parameters = parameters

    def setup(self, context: Context) -> None:
        # from where they are defined, which is faster: geometry/elastix.py
        from itk.elxParameterObjectPython import elastixParameterObject
        from itk.itkElastixRegistrationMethodPython import itkElastixRegistrationMethodIF3IF3

        self.threads = context.threads  # elastix keeps the first number of threads that a process gives it
        self.elastix: Any = itkElastixRegistrationMethodIF3IF3
        self.map = elastixParameterObject.New()
        self.map.ReadParameterFile(str(PARAMETERS))
        for name, value in {**self.parameters, "RandomSeed": context.seed}.items():
            self.map.SetParameter(name, _words(value))

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """The displacement (3, D, H, W) float32 on the fixed grid, LPS mm; RuntimeError when elastix fails."""
        elastix = self.elastix.New(_image(fixed.data, fixed.grid), _image(moving.data, moving.grid))
        elastix.SetParameterObject(self.map)
        elastix.SetNumberOfThreads(self.threads)
        elastix.LogToConsoleOff()
        if self.use_mask:
            fixed_mask, moving_mask = masks_of(fixed, moving)
            elastix.SetFixedMask(_image(fixed_mask, fixed.grid, np.uint8))
            elastix.SetMovingMask(_image(moving_mask, moving.grid, np.uint8))
        elif self.sample_in_mask and fixed.mask is not None:
            elastix.SetFixedMask(_image(fixed.mask, fixed.grid, np.uint8))
        elastix.UpdateLargestPossibleRegion()
        transform = elastix.GetTransformParameterObject()
        field = transformix(_image(moving.data, moving.grid), transform)
        return np.ascontiguousarray(itk.array_from_image(field).T, np.float32)


def _image(data: np.ndarray, grid: Grid, dtype: type = np.float32) -> Any:
    """ITK's arrays run k, j, i where ours run i, j, k."""
    image = itk.image_from_array(np.ascontiguousarray(data.T, dtype))
    image.SetOrigin(grid.origin.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(itk.matrix_from_array(np.ascontiguousarray(grid.direction)))
    return image


def _words(value: Setting) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in values]
