"""One file of a dataset, read whole as a job would read it: what is wrong with it, and what to compare with others."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regbench.check.formats import format_problems
from regbench.check.header import header_problems
from regbench.data.base import ScanFile
from regbench.geometry.analyze import load_analyze, read_analyze
from regbench.geometry.images import load_nifti, read_volume
from regbench.problems import Problem, problem_of

COPIES = 4  # float32 volumes that a scan's preparation holds at the least: image, mask and its parts, smoothed image
GB = 2**30  # of memory, as limits.memory_gb counts it


@dataclass
class Facts:
    """What was found in one file; plain values, so that they can be remembered."""

    problems: list[Problem] = field(default_factory=list)
    shape: list[int] | None = None
    affine: list[list[float]] | None = None  # index -> LPS mm
    digest: str | None = None  # of the voxels
    below_zero: bool = False  # most of an image's border

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def facts_of(plain: dict[str, Any]) -> Facts:
    """What `Facts.plain` gave."""
    return Facts(**{**plain, "problems": [Problem(**each) for each in plain["problems"]]})


def examine(file: ScanFile, memory_gb: float) -> Facts:
    """Read one file; nothing is raised, what is wrong is told. Files too large for `memory_gb` are not read.

    Landmarks are small and mean nothing without their image: they are read beside it (together.py).
    """
    if file.role == "landmarks":
        return Facts()
    facts = Facts(problems=format_problems(file.path))
    if facts.problems:
        return facts
    try:
        image = load_analyze(file.path) if file.analyze else load_nifti(file.path)
        facts.problems += [] if file.analyze else header_problems(file.path)
        facts.problems += _too_large(file.path, image.shape, memory_gb)
        if not any(problem.level == "error" for problem in facts.problems):
            READERS[file.role](file, facts)
    except (
        Exception
    ) as error:  # nibabel has its own for headers that mean nothing; one file must not end the check
        message = str(error) if isinstance(error, ValueError) else f"cannot be read as NIfTI ({error})"
        facts.problems.append(problem_of(message, str(file.path), "copy or export it again"))
    return facts


def _too_large(path: Path, shape: tuple[int, ...], memory_gb: float) -> list[Problem]:
    need = COPIES * 4 * float(np.prod([float(n) for n in shape[:3]])) / GB
    if need <= memory_gb:
        return []
    what = f"shape {tuple(shape)} takes {need:.1f} GB to prepare, limits.memory_gb is {memory_gb:g}"
    return [Problem(str(path), what, "resample or crop it, or raise the limit")]


def _image(file: ScanFile, facts: Facts) -> None:
    data = _volume(file, facts, np.float32)
    low, high = float(data.min()), float(data.max())
    if low == high:
        what = f"constant: every voxel is {low:g}, expected an image"
        facts.problems.append(Problem(str(file.path), what, "is it the right file? export it again"))
    border = np.concatenate([np.take(data, end, axis).ravel() for axis in range(3) for end in (0, -1)])
    facts.below_zero = bool(np.mean(border < 0) > 0.5)


def _labels(file: ScanFile, facts: Facts) -> None:
    data = _volume(file, facts, np.int32)
    values = np.unique(data)
    if values[0] < 0:
        what = f"labels go from {values[0]}, expected whole numbers from 0 (background) on"
        facts.problems.append(Problem(str(file.path), what, "give each structure a number above 0"))
    if file.allowed and (others := sorted({int(v) for v in values if v > 0} - {*file.allowed})):
        what = f"labels {', '.join(map(str, others[:5]))} are none of the dataset's {len(file.allowed)}, which go from "
        what += f"{min(file.allowed)} to {max(file.allowed)}"
        todo = "use its files as distributed, or a dataset of type `manifest`"
        facts.problems.append(Problem(str(file.path), what, todo))
    if not data.any():
        what = "no voxel is labelled, all are 0"
        facts.problems.append(
            Problem(str(file.path), what, "is it the right file? leave the name out where there is none")
        )


def _mask(file: ScanFile, facts: Facts) -> None:
    inside = _volume(file, facts, np.float32) > 0
    if not inside.any():
        facts.problems.append(
            Problem(
                str(file.path), "the mask is empty, no voxel is above 0", "make it again, or leave it out"
            )
        )
    elif inside.all():
        what = "the mask holds every voxel, expected the brain or head alone"
        facts.problems.append(Problem(str(file.path), what, "is it the right file?", "warning"))


def _field(file: ScanFile, facts: Facts) -> None:
    from regbench.geometry.fields import read_field  # few studies have fields, and it takes torch along

    read_field(file.path)


READERS: dict[str, Callable[[ScanFile, Facts], None]] = {
    "image": _image, "labels": _labels, "mask": _mask, "truth": _field,
}  # fmt: skip


def _volume(file: ScanFile, facts: Facts, dtype: type) -> np.ndarray:
    """(D, H, W) as read by every stage, its place and digest among the facts; ValueError where it cannot be."""
    volume = (read_analyze if file.analyze else read_volume)(file.path, dtype)
    facts.shape, facts.affine = list(volume.grid.shape), volume.grid.affine.tolist()
    facts.digest = hashlib.blake2b(volume.data.data, digest_size=16).hexdigest()
    return volume.data
