"""The volumes of one pair, from stored files only, by the path that scores take: what is shown is what was scored."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regbench.figures.lines import Line
from regbench.geometry.fields import jacobian_determinant, read_field
from regbench.geometry.grid import Grid
from regbench.records import read_record
from regbench.scores.pair import Fixed, Session, warp_image, warp_labels
from regbench.study import ScoreSettings

Batch = tuple[str, str, str, str]  # task, method, variant, batch, as Plan.runs gives them
DROPPED = "dropped"
FILES = ("image", "mask", "original", "original_mask", "labels", "landmarks", "truth", "field")  # of records
MARGIN = 2  # voxels left around the brain


@dataclass(frozen=True)
class RunVolumes:
    """What one run made of the pair, on the prepared fixed grid; all None unless `status` is ok.

    `status`: of the run's record, `dropped` where its field was given up after scoring, `missing` without a record.
    """

    line: Line
    status: str
    message: str = ""
    field: np.ndarray | None = None  # (3, D, H, W) float32 LPS mm
    warped: np.ndarray | None = None  # (D, H, W) float32 in [0, 1]
    labels: np.ndarray | None = None  # (D, H, W) int32, where the moving scan has some
    jacobian: np.ndarray | None = None  # (D, H, W) float32
    error: np.ndarray | None = None  # (D, H, W) float32 mm, |u - truth| where the truth is known


@dataclass
class PairVolumes:
    """A pair's own volumes, and those of its runs when asked for: one run at a time, because a large study has many."""

    record: dict[str, Any]  # the PAIR record
    folders: dict[tuple[str, str], Path]  # (method, variant) -> the run batch that holds this pair
    results: Path  # the study's own folder
    settings: ScoreSettings = field(default_factory=ScoreSettings)

    def __post_init__(self) -> None:
        self.session = Session(self.settings)
        self.fixed: Fixed = self.session.fixed(self.record["fixed"])  # image, brain and labels
        self.truth = read_field(self.record["truth"])[0] if self.record.get("truth") else None
        points = self.grid.points()
        self.moving = warp_image(self.record["moving"], points, self.session)  # affinely aligned
        self.moving_labels = self._labels(points)

    @property
    def grid(self) -> Grid:
        """The prepared grid, which all volumes lie on."""
        return self.fixed.image.grid

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The part of the grid that is shown: the brain, and MARGIN around it."""
        parts = []
        for axis, size in enumerate(self.grid.shape):
            there = np.flatnonzero(self.fixed.brain.any(axis=tuple({0, 1, 2} - {axis})))
            parts.append(slice(max(0, int(there[0]) - MARGIN), min(size, int(there[-1]) + 1 + MARGIN)))
        return tuple(parts)  # pyright: ignore[reportReturnType]

    def run(self, line: Line) -> RunVolumes:
        """The volumes of one line's first repetition. Raises ValueError where its field does not fit the pair."""
        run = self._record(line)
        status, message = run["status"], run.get("message") or ""
        if status == "ok" and not run["field"]:
            return RunVolumes(line, DROPPED, "its field was given up after scoring (fields.keep)")
        if status != "ok":
            return RunVolumes(line, status, message)
        u, grid = read_field(run["field"])
        if not grid.same_as(self.grid):
            raise ValueError(f"{run['field']}: not on the prepared fixed grid {self.grid}")
        points = self.grid.points() + u
        return RunVolumes(
            line,
            status,
            field=u,
            warped=warp_image(self.record["moving"], points, self.session),
            labels=self._labels(points),
            jacobian=jacobian_determinant(u, self.grid),
            error=None if self.truth is None else np.linalg.norm(u - self.truth, axis=0),
        )

    def _record(self, line: Line) -> dict[str, Any]:
        path = self.folders.get(line.key, Path()) / f"{self.record['pair']}.json"
        if not path.is_file():
            return {"status": "missing", "message": f"{path}: no such record"}
        return found_from(self.results, read_record(path))

    def _labels(self, points: np.ndarray) -> np.ndarray | None:
        if not self.record["moving"]["labels"]:
            return None
        return warp_labels(self.record["moving"], points, self.session)


def find_pair(
    results: Path, task: str, pair: str, runs: Iterable[Batch], settings: ScoreSettings
) -> PairVolumes:
    """The volumes of the pair `FIXED__MOVING` of a task; `results` is the study's own folder.

    runs: the study's batches (Plan.runs). Raises FileNotFoundError where none of them holds the pair, ValueError where
    it could not be prepared.
    """
    first = [(m, v, b) for t, m, v, b in runs if t == task and b.startswith("r0_b")]
    for number in dict.fromkeys(batch.removeprefix("r0_") for _, _, batch in first):
        for record in read_record(results / "prepared" / task / "pairs" / f"test_{number}.json")["pairs"]:
            if record["pair"] == pair:
                if not record["fixed"] or not record["moving"]:
                    raise ValueError(f"task {task}: pair {pair} was not prepared: {record.get('message')}")
                folder = results / "runs" / task
                folders = {(m, v): folder / m / v / b for m, v, b in first if b == f"r0_{number}"}
                return PairVolumes(found_from(results, record), folders, results, settings)
    raise FileNotFoundError(f"{results}: no batch of task {task} holds the pair {pair}")


def stored_pairs(results: Path, task: str, runs: Iterable[Batch]) -> set[tuple[str, str]]:
    """Pairs (fixed, moving) of which every run that ended well still has its field."""
    kept: set[tuple[str, str]] = set()
    lost: set[tuple[str, str]] = set()
    for t, method, variant, batch in runs:
        if t != task or not batch.startswith("r0_b"):
            continue
        folder = results / "runs" / task / method / variant / batch
        for name in read_record(folder / "batch.json")["pairs"]:
            run = read_record(folder / f"{name}.json")
            if run["status"] == "ok":
                (kept if run["field"] else lost).add((run["fixed"], run["moving"]))
    return kept - lost


def found_from(results: Path, record: Any) -> Any:
    """A record whose relative paths, which count from the folder that Snakemake ran in, are found from any other.

    That folder is the nearest one around `results`, the study's own, from which the file is there; a file that is nowhere
    keeps its name.
    """
    if isinstance(record, dict):
        return {
            key: _file(results, value)
            if key in FILES and isinstance(value, str)
            else found_from(results, value)
            for key, value in record.items()
        }
    return record


def _file(results: Path, name: str) -> str:
    around = results.resolve().parents
    return next((str(folder / name) for folder in around if (folder / name).is_file()), name)
