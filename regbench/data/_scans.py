"""One subject's existing files, wherever their names come from, read and checked before they become a data record."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from regbench.data.base import Dataset, ScanFile, Subject, check_subjects

SAME_GRID_MM = 0.1  # headers written by different tools round differently
OF_IMAGES = ("landmarks", "truth")  # files that belong to one image of a subject, not to all


@dataclass
class Scans:
    """The files of one subject; `group` is the person."""

    subject: str
    split: str
    group: str
    images: dict[str, Path] = field(default_factory=dict)
    labels: Path | None = None
    mask: Path | None = None
    landmarks: dict[str, Path] = field(default_factory=dict)
    truth: dict[str, Path] = field(default_factory=dict)

    def files(self) -> list[ScanFile]:
        """All of them, with what they are."""
        who = (self.subject, self.split)
        found = [ScanFile(path, "image", *who, contrast) for contrast, path in self.images.items()]
        found += [ScanFile(path, "landmarks", *who, contrast) for contrast, path in self.landmarks.items()]
        found += [ScanFile(path, "truth", *who, contrast) for contrast, path in self.truth.items()]
        found += [ScanFile(self.labels, "labels", *who)] if self.labels else []
        return found + ([ScanFile(self.mask, "mask", *who)] if self.mask else [])

    @property
    def sources(self) -> list[Path]:
        """Every file, once."""
        return list(dict.fromkeys(file.path for file in self.files()))


def checked_files(scans: Scans) -> dict[str, Any]:
    """The subject's part of a data record, once every file could be read whole.

    Raises ValueError naming the file: not readable, labels or mask empty or not on the grid of one of the images, landmarks
    outside theirs.
    """
    # Imported here: listing subjects, which Snakemake does at each start, must not wait for nibabel.
    import numpy as np

    from regbench.geometry.fields import read_field
    from regbench.geometry.images import read_volume
    from regbench.geometry.landmarks import check_inside, read_landmarks

    grids = {path: read_volume(path).grid for path in scans.images.values()}
    masks = [(scans.mask, np.float32, "the mask is empty, no voxel is above 0")]
    for path, dtype, empty in [(scans.labels, np.int32, "no voxel is labelled"), *masks]:
        if path is None:
            continue
        volume = read_volume(path, dtype)
        if not (volume.data > 0).any():
            raise ValueError(f"{path}: {empty}")
        if not any(volume.grid.same_as(grid, SAME_GRID_MM) for grid in grids.values()):
            shapes = ", ".join(f"{image} {grid.shape}" for image, grid in grids.items())
            raise ValueError(
                f"{path}: shape {volume.grid.shape} or position differs from the subject's images ({shapes}); "
                "labels and masks must lie on an image's grid"
            )
    for path in scans.truth.values():
        read_field(path)
    for contrast, path in scans.landmarks.items():
        grid = grids[scans.images[contrast]]
        problem = f"outside {scans.images[contrast]}; are they in the coordinates that the file states?"
        check_inside(read_landmarks(path, grid), grid, problem)
    return {
        **{
            kind: {contrast: str(path) for contrast, path in getattr(scans, kind).items()}
            for kind in ("images", *OF_IMAGES)
        },
        "labels": str(scans.labels) if scans.labels else None,
        "mask": str(scans.mask) if scans.mask else None,
    }


class ScansDataset(Dataset):
    """A dataset whose subjects are files in a folder, `options.path`: an adapter lists them, each once."""

    @cached_property
    def _scans(self) -> list[Scans]:
        """Everybody's files, by name; Problems say what was looked for, what was found, and how to get it."""
        raise NotImplementedError(f"{type(self).__module__}: an adapter lists its scans")

    def subjects(self) -> list[Subject]:
        """All subjects, checked; Problems as `_scans` raises them."""
        subjects = (Subject(s.subject, s.split, s.group, s.sources) for s in self._scans)
        return check_subjects(subjects, str(self.options.path))

    def files(self) -> list[ScanFile]:
        return [file for scans in self._scans for file in scans.files()]

    def _files(self, subject: Subject) -> dict[str, Any]:
        return checked_files(next(s for s in self._scans if s.subject == subject.name))
