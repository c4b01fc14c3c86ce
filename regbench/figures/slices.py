"""What figures show of a pair: a slice along each axis of every volume, cut while one run at a time is in memory."""

import logging
from dataclasses import dataclass, replace

import numpy as np

from regbench.figures.choice import plane
from regbench.figures.lines import Line
from regbench.figures.volumes import PairVolumes
from regbench.geometry.fields import mm_to_voxels
from regbench.progress import Progress

log = logging.getLogger(__name__)
AXIAL = 2
Planes = list[np.ndarray]  # a slice normal to each array axis, as it is looked at


@dataclass(frozen=True)
class RunSlices:
    """A run's slices; None unless `status` is ok. `folding` is percent of the brain, `error` mm, as scores have them."""

    line: Line
    status: str
    warped: Planes | None = None
    labels: Planes | None = None
    jacobian: Planes | None = None
    error: Planes | None = None
    moved: np.ndarray | None = (
        None  # (2, rows, columns): pixel (row, column) that an axial pixel is taken from
    )
    folding: float = 0.0
    mean_error: float = 0.0


@dataclass(frozen=True)
class PairSlices:
    """The pair's own slices, cropped to the brain, and those of every line."""

    fixed: Planes
    brain: Planes
    labels: Planes | None
    moving: Planes
    moving_labels: Planes | None
    spacing: list[tuple[float, float]]  # mm between rows and columns of each plane
    runs: list[RunSlices]

    @property
    def shown(self) -> list[RunSlices]:
        """Runs that have something to show."""
        return [run for run in self.runs if run.status == "ok"]

    @property
    def registered(self) -> list[RunSlices]:
        """All runs but those that left the moving image as it was, which is shown by itself."""
        return [run for run in self.runs if run.warped is None or not _same(run.warped, self.moving)]

    def shape(self, axis: int = AXIAL) -> tuple[float, float]:
        """Height and width of a plane, mm."""
        (rows, columns), (high, wide) = self.fixed[axis].shape, self.spacing[axis]
        return rows * high, columns * wide


def _same(a: Planes, b: Planes) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(a, b, strict=True))


def cut_slices(volumes: PairVolumes, lines: list[Line], index: tuple[int, int, int], what: str) -> PairSlices:
    """The slices at `index` of the pair and of all lines; `what` names the task in the progress that is told."""
    cut = _Cut(volumes, index)
    runs, progress = [], Progress(f"figures {what}", len(lines), "method")
    for line in lines:
        runs.append(cut.run(line))
        progress.step(len(runs))
    spacing = volumes.grid.spacing
    return PairSlices(
        fixed=cut.planes(volumes.fixed.image.data),
        brain=cut.planes(volumes.fixed.brain),
        labels=None if volumes.fixed.labels is None else cut.planes(volumes.fixed.labels),
        moving=cut.planes(volumes.moving),
        moving_labels=None if volumes.moving_labels is None else cut.planes(volumes.moving_labels),
        spacing=[(spacing[2], spacing[1]), (spacing[2], spacing[0]), (spacing[1], spacing[0])],
        runs=runs,
    )


class _Cut:
    """The slices' indices and the box around the brain, the same for every volume of a pair."""

    def __init__(self, volumes: PairVolumes, index: tuple[int, int, int]):
        self.volumes, self.index, self.box = volumes, index, volumes.box

    def planes(self, volume: np.ndarray | None) -> Planes:
        assert volume is not None
        inside = volume[(..., *self.box)]
        # A slice named in the study may miss the brain: then the last one beside it is shown.
        at = [index - box.start for index, box in zip(self.index, self.box, strict=True)]
        at = np.clip(at, 0, np.array(inside.shape[-3:]) - 1)
        return [plane(inside, axis, int(at[axis])) for axis in range(3)]

    def run(self, line: Line) -> RunSlices:
        try:
            run = self.volumes.run(line)
        except (ValueError, OSError) as error:  # failure is data: the other methods are shown
            log.exception("%s/%s cannot be shown", *line.key)
            return RunSlices(line, type(error).__name__)
        if run.status != "ok" or run.field is None or run.jacobian is None:
            log.warning("%s/%s has nothing to show: %s %s", *line.key, run.status, run.message)
            return RunSlices(line, run.status)
        brain = self.volumes.fixed.brain
        found = RunSlices(
            line, "ok", self.planes(run.warped), jacobian=self.planes(run.jacobian), moved=self._moved(run.field),
            folding=100 * float((run.jacobian[brain] <= 0).mean()),
        )  # fmt: skip
        if run.labels is not None:
            found = replace(found, labels=self.planes(run.labels))
        if run.error is not None:
            mean = float(run.error[brain].mean(dtype=float))
            found = replace(found, error=self.planes(run.error), mean_error=mean)
        return found

    def _moved(self, field: np.ndarray) -> np.ndarray:
        """Where the field takes an axial slice's pixels from, within the slice's plane."""
        voxels = self.planes(mm_to_voxels(field, self.volumes.grid))[AXIAL]  # (3, rows, columns)
        return np.indices(voxels.shape[1:]) + voxels[[1, 0]]
