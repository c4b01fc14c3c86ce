"""One subject's existing files, wherever their names come from, read and checked before they become a data record."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAME_GRID_MM = 0.1  # headers written by different tools round differently


@dataclass
class Scans:
    """The files of one subject; `group` is the person."""

    subject: str
    split: str
    group: str
    images: dict[str, Path] = field(default_factory=dict)
    labels: Path | None = None
    mask: Path | None = None
    truth: dict[str, Path] = field(default_factory=dict)

    @property
    def sources(self) -> list[Path]:
        """Every file, once."""
        others = (path for path in (self.labels, self.mask) if path)
        return list(dict.fromkeys([*self.images.values(), *others, *self.truth.values()]))


def checked_files(scans: Scans) -> dict[str, Any]:
    """The subject's part of a data record, once every file could be read whole.

    Raises ValueError naming the file: not readable, labels or mask empty or not on the grid of one of the images.
    """
    # Imported here: listing subjects, which Snakemake does at each start, must not wait for nibabel.
    import numpy as np

    from regbench.geometry.fields import read_field
    from regbench.geometry.images import read_volume

    grids = {path: read_volume(path).grid for path in scans.images.values()}
    for path in filter(None, (scans.labels, scans.mask)):
        volume = read_volume(path, dtype=np.int32)
        if not volume.data.any():
            raise ValueError(f"{path}: no voxel is labelled")
        if not any(volume.grid.same_as(grid, SAME_GRID_MM) for grid in grids.values()):
            shapes = ", ".join(f"{image} {grid.shape}" for image, grid in grids.items())
            raise ValueError(
                f"{path}: shape {volume.grid.shape} or position differs from the subject's images ({shapes}); "
                "labels and masks must lie on an image's grid"
            )
    for path in scans.truth.values():
        read_field(path)
    return {
        "images": {contrast: str(path) for contrast, path in scans.images.items()},
        "truth": {contrast: str(path) for contrast, path in scans.truth.items()},
        "labels": str(scans.labels) if scans.labels else None,
        "mask": str(scans.mask) if scans.mask else None,
    }
