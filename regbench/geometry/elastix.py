"""Elastix's transform parameter files as maps of points, through itk-elastix.

Its classes are imported from the modules that define them, and where they are needed: asked for as `itk.TransformixFilter` and the
like, they would come after all modules of itk's own that elastix was built with, which takes a process 8 s instead of 2.
"""

import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import itk as _itk
import numpy as np

from regbench.geometry.fields import displace
from regbench.geometry.grid import itk_grid
from regbench.geometry.transforms import Map

itk: Any = _itk  # the module makes its classes as they are asked for, unseen by a type checker
INITIAL = (
    "InitialTransformParameterFileName",
    "InitialTransformParametersFileName",
)  # elastix 5.1 and before
NAMED = re.compile(rf'^\s*\((?:{"|".join(INITIAL)})\s+"([^"\n]*)"', re.MULTILINE)
NONE = "NoInitialTransform"


def read_elastix(path: Path) -> Map:
    """TransformParameters.N.txt and those before it, as a field on the fixed grid that the file describes.

    A file it begins with that is not where it says is looked for beside it, as folders of results get moved.
    Raises FileNotFoundError or ValueError that names the file.
    """
    from itk.elxParameterObjectPython import elastixParameterObject

    parameters = elastixParameterObject.New()
    try:
        parameters.ReadParameterFiles([str(each) for each in _files(path)])
        for k in range(parameters.GetNumberOfParameterMaps()):
            parameters.SetParameter(k, INITIAL[0], NONE)  # what follows what is said by their order
        return _field(parameters)
    except RuntimeError as error:
        raise ValueError(f"{path}: cannot be read as elastix's transform parameters ({error})") from error


def transformix(moving: Any, parameters: Any) -> Any:
    """The displacement field of elastix's transform parameters, LPS mm, as an image of itk on the grid they name.

    `moving`: an image of itk, float32. Raises RuntimeError where the parameters cannot be used.
    """
    from itk.itkTransformixFilterPython import itkTransformixFilterIF3

    method = itkTransformixFilterIF3.New(moving)
    method.SetTransformParameterObject(parameters)
    method.LogToConsoleOff()
    method.ComputeDeformationFieldOn()
    with tempfile.TemporaryDirectory() as folder:  # it writes the field to a file as well
        method.SetOutputDirectory(folder)
        method.UpdateLargestPossibleRegion()
        return method.GetOutputDeformationField()


def _files(path: Path) -> list[Path]:
    """The file's chain of initial transforms, the first one first, and itself."""
    files = [path]
    while True:
        named = NAMED.findall(files[0].read_text(encoding="utf8"))
        if not named or named[0] == NONE:
            return files
        initial = next((p for p in (Path(named[0]), path.parent / Path(named[0]).name) if p.is_file()), None)
        if initial is None or initial in files:
            raise FileNotFoundError(f"{files[0]}: begins with {named[0]}, which is not there")
        files.insert(0, initial)


def _field(parameters: Any) -> Map:
    image = transformix(itk.image_from_array(np.zeros((8, 8, 8), np.float32)), parameters)
    u = np.ascontiguousarray(itk.array_from_image(image).T, np.float32)
    direction = itk.array_from_matrix(image.GetDirection())
    grid = itk_grid(u.shape[1:], image.GetOrigin(), image.GetSpacing(), direction)
    return partial(displace, u=u, grid=grid)
