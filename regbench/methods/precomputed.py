"""Displacement fields and transforms made elsewhere, found by the names of the pair's subjects."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from regbench.geometry.fields import displacement
from regbench.geometry.grid import Grid, apply_affine
from regbench.geometry.images import Volume, read_grid
from regbench.geometry.learn2reg import read_voxel_map
from regbench.geometry.transforms import chain, read_map
from regbench.methods.contract import Context
from regbench.methods.patterns import fill, pair_names, unknown_words


class Precomputed:
    """Transforms from a fixed to a moving image, of any tool.

    `fields`: a path with {fixed} and {moving} in it, e.g. "/data/mine/{fixed}_{moving}.nii.gz", and perhaps {task},
    {fixed_contrast} and {moving_contrast}; or a list of them, applied to a fixed point in that order (the order of
    `antsApplyTransforms -t`: warp, then affine).
    `layout`: "itk", files in LPS mm on any grid (geometry/transforms.py says which), or "learn2reg", displacements in
    voxels (geometry/learn2reg.py).
    `space`: "prepared" where the images registered were those of results/STUDY/prepared, "native" where they were
    the original scans: the file's affine part then takes the place of the study's own.
    """

    def __init__(
        self,
        fields: str | list[str],
        layout: Literal["itk", "learn2reg"] = "itk",
        space: Literal["prepared", "native"] = "prepared",
    ) -> None:
        self.patterns = [fields] if isinstance(fields, str) else fields
        self.sides = [side for side in ("fixed", "moving") if f"{{{side}}}" in "".join(self.patterns)]
        if not self.sides:
            raise ValueError(
                f"precomputed: fields={fields!r} must hold {{fixed}} and {{moving}}, subjects' names"
            )
        if unknown := [word for pattern in self.patterns for word in unknown_words(pattern)]:
            raise ValueError(f"precomputed: fields={fields!r}: {{{unknown[0]}}} stands for nothing")
        for name, value, known in (
            ("layout", layout, ("itk", "learn2reg")),
            ("space", space, ("prepared", "native")),
        ):
            if value not in known:
                raise ValueError(f"precomputed: {name}={value!r}; expected one of {known}")
        if layout == "learn2reg" and len(self.patterns) > 1:
            raise ValueError(f"precomputed: fields={fields!r}: a Learn2Reg field stands alone")
        self.layout, self.native = layout, space == "native"

    def setup(self, context: Context) -> None:
        pass

    def files(self, names: dict[str, str]) -> list[Path]:
        """The files of one pair, there or not. `names`: methods/patterns.py."""
        return [Path(fill(pattern, names)) for pattern in self.patterns]

    def for_pair(self, pair: dict[str, Any]) -> None:
        """Read the pair's files; FileNotFoundError names those that are not there."""
        names = pair_names(pair)
        if len(self.sides) == 1 and names["fixed"] != names["moving"]:
            raise ValueError(f"precomputed: fields={self.patterns} names the {self.sides[0]} subject only")
        files = self.files(names)
        if missing := [str(path) for path in files if not path.is_file()]:
            raise FileNotFoundError(f"{', '.join(missing)}: not there; the field of the pair {pair['pair']}")
        sides = [pair["fixed"], pair["moving"]]
        fixed, moving = (np.asarray(side["to_original"]) if self.native else np.eye(4) for side in sides)
        self.before, self.after = fixed, np.linalg.inv(moving)
        if self.layout == "learn2reg":
            self.map = read_voxel_map(files[0], *(self._grid(side) for side in sides))
        else:
            self.map = chain([read_map(path) for path in files])

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """The displacement on the prepared fixed grid (3, D, H, W) float32, LPS mm."""
        moved = self.map(apply_affine(self.before, fixed.grid.points()))
        return displacement(apply_affine(self.after, moved), fixed.grid)

    def _grid(self, side: dict[str, Any]) -> Grid:
        return read_grid(side["original" if self.native else "image"])
