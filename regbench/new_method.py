"""`regbench new-method`: the one file of a method, and a working example of what it runs, to be replaced by one's own.

Both examples move the moving image's centre of mass onto the fixed one's, in the units and the direction that are asked for.
"""

from pathlib import Path

from regbench.methods.names import name_problem

METHOD = """TUNING = [{{"share": 0.5}}, {{"share": 0.8}}, {{"share": 0.9}}, {{"share": 1.1}}]


use rule run as {name} with:
    wildcard_constraints:
        method="{name}",
    params:
        label="{label}",
        {runs},
        options={{"share": 1.0}},
        source="where it was published; where the settings come from",
"""
CLASS = '''"""{label}: what it does, in a line."""

import numpy as np

from regbench.geometry.images import Volume
from regbench.methods.contract import Context


class {kind}:
    """Author et al., journal (year). `share`: an option of {name}.smk, which a study's variants may change."""

    def __init__(self, share: float) -> None:
        self.share = share

    def setup(self, context: Context) -> None:
        """Once a process, not on the clock: `context` holds threads, device, seed, model."""

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """The displacement (3, D, H, W) float32 on the fixed grid, LPS mm: warped(x) = moving(x + u(x)).

        Images are float32 in [0, 1], `volume.data` (D, H, W) on `volume.grid`, with `volume.mask` or None.
        """
        shift = self.share * (centre(moving) - centre(fixed))  # replace this by your method
        return np.broadcast_to(shift[:, None, None, None], (3, *fixed.data.shape)).astype(np.float32)


def centre(volume: Volume) -> np.ndarray:
    """The centre of mass (3,) in LPS mm."""
    points = volume.grid.points().reshape(3, -1)
    return points @ volume.data.ravel().astype(float) / volume.data.sum(dtype=float)
'''
PROGRAM = '''"""{label}: what it does, in a line. Any program in any language will do: {name}.smk says how it is called.

usage: {name}.py FIXED MOVING OUT --share 1.0
"""

import argparse

import numpy as np
import SimpleITK as sitk

parser = argparse.ArgumentParser()
parser.add_argument("fixed")
parser.add_argument("moving")
parser.add_argument("out")
parser.add_argument("--share", type=float, default=1.0)
options = parser.parse_args()


def centre(image):
    """The centre of mass in ITK's physical space: LPS mm."""
    data = sitk.GetArrayFromImage(image)  # axes k, j, i
    index = [float((data * i).sum() / data.sum()) for i in np.indices(data.shape)]
    return np.array(image.TransformContinuousIndexToPhysicalPoint(index[::-1]))


fixed, moving = (sitk.ReadImage(path, sitk.sitkFloat32) for path in (options.fixed, options.moving))
shift = options.share * (centre(moving) - centre(fixed))  # replace this by your method

# OUT: an ITK displacement field on the fixed grid, LPS mm: warped(x) = moving(x + u(x)).
u = np.broadcast_to(shift, (*fixed.GetSize()[::-1], 3)).astype(np.float32)
field = sitk.GetImageFromArray(np.ascontiguousarray(u), isVector=True)
field.CopyInformation(fixed)
sitk.WriteImage(field, options.out)
'''


def new_method(name: str, folder: Path, command: bool) -> list[Path]:
    """Write NAME.smk and NAME.py into `folder`; returns both. ValueError for a name that will not do or is taken."""
    if problem := name_problem(name, folder, module=True):
        raise ValueError(f"{name!r}: {problem}")
    if "site-packages" in folder.resolve().parts:
        raise ValueError(
            f"{folder}: regbench's own folder where it is installed; give one of yours with --folder, "
            "and name it in the study's `method_folders`"
        )
    if not folder.is_dir():
        raise ValueError(
            f"{folder}: no such folder; make it first, and name it in the study's `method_folders`"
        )
    label = name.replace("_", " ").capitalize()
    kind = "".join(word.capitalize() for word in name.split("_"))
    called = f'command="PYTHON HERE/{name}.py FIXED MOVING OUT --share SHARE"'
    texts = {
        folder / f"{name}.smk": METHOD.format(
            name=name, label=label, runs=called if command else f'python="{name}:{kind}"'
        ),
        folder / f"{name}.py": (PROGRAM if command else CLASS).format(name=name, label=label, kind=kind),
    }
    if taken := [str(path) for path in texts if path.exists()]:
        raise ValueError(f"{', '.join(taken)}: already there; choose another name, or delete it")
    for path, text in texts.items():
        path.write_text(text, encoding="utf8")
    return list(texts)
