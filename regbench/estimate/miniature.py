"""Short measurements on the spot: one pair of a task goes through all stages on a small grid, in a temporary folder."""

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from regbench.data import load_dataset
from regbench.estimate.samples import Sample, dataset_options, size_of, text
from regbench.methods.contract import load_method
from regbench.models.training import Trainable, train_model
from regbench.plan import Plan
from regbench.prepared.pair import prepare_pairs
from regbench.prepared.reference import prepare_reference
from regbench.prepared.subject import prepare_subject
from regbench.records import read_record
from regbench.runs.batch import run_batch
from regbench.scores.pair import score_pair
from regbench.study import GridSettings, LimitSettings, TaskSettings

LONGEST = 32  # voxels along the longest axis of the small grid
STEPS = 8
LIMITS = LimitSettings(run_seconds=300, train_seconds=300)


def measure(plan: Plan, task: str, methods: dict[str, str], device: str) -> list[Sample]:
    """Samples of every stage of a task, for the methods (and a variant of each) given, on a grid of about 32 voxels.

    A method that fails or takes longer than five minutes gives no sample. What it makes is deleted.
    """
    with tempfile.TemporaryDirectory(prefix="regbench-estimate-") as folder:
        return list(_Miniature(plan, task, Path(folder)).samples(methods, device))


def job_seconds() -> float:
    """Seconds that a job of the pipeline takes before it does anything: Python and the libraries start."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", "import regbench.__main__, regbench.scores.score"], check=True)
    return time.monotonic() - start


class _Miniature:
    def __init__(self, plan: Plan, task: str, folder: Path) -> None:
        self.plan, self.name, self.folder = plan, task, folder
        whole = plan.task(task)
        self.task: TaskSettings = whole.model_copy(update={"grid": small_grid(whole.grid)})
        self.voxels = math.prod(self.task.grid.shape)

    def samples(self, methods: dict[str, str], device: str) -> Iterator[Sample]:
        pairs = self.plan.pairs(self.name, "test")[:2]
        affine = self.task.prepare.affine.mode == "reference"
        reference = [self.plan.reference(self.name)] if affine else []
        names = list(dict.fromkeys([*reference, *(name for pair in pairs for name in pair)]))
        data = yield from self._data(names)
        subjects = yield from self._prepared(data, reference)
        record = prepare_pairs(pairs, subjects, data, self.task, self.folder / "pairs.json", truth=True)
        scored = False
        for method, variant in methods.items():
            ok = yield from self._run(record["pairs"], method, variant, device)
            if ok and not scored:
                yield self._scored(record["pairs"], ok)
                scored = True

    def _data(self, names: list[str]):
        settings = self.plan.study.datasets[self.task.dataset]
        folder, records = self.folder / "data", {}
        dataset = load_dataset(settings, folder)
        for name in names:
            seconds, records[name] = _timed(lambda name=name: dataset.make(name))
            size = size_of(folder) / len(records)
            yield Sample(
                "data", settings.type, dataset_options(settings.model_dump()), 1, seconds, size, spot=True
            )
        return records

    def _prepared(self, data: dict[str, Any], reference: list[str]):
        target = None
        if reference:
            target = prepare_reference(data[reference[0]], self.task, self.folder / "reference.json")
        sides = len({self.task.fixed, self.task.moving})
        options, records = text(self.task.prepare.model_dump(mode="json")), {}
        for name in data:
            folder = self.folder / "subjects" / name
            folder.mkdir(parents=True)
            seconds, records[name] = _timed(
                lambda name=name, folder=folder: prepare_subject(
                    data[name], self.task, target, folder / f"{name}.json"
                )
            )
            if name not in reference:  # which is not aligned to anything, and so takes no time
                whole = math.prod(self.plan.task(self.name).grid.shape)
                size = size_of(folder) / sides
                # Aligning is done on the scans themselves: its time is that of the whole grid.
                yield Sample(
                    "prepared", "", options, whole, seconds / sides, size * whole / self.voxels, spot=True
                )
        return records

    def _run(self, pairs: list[dict[str, Any]], method: str, variant: str, device: str):
        """Samples of a method, trained first where it learns; returns the last run's record when it is ok."""
        declared, options = self.plan.methods[method], self.plan.options(method, variant)
        place = device if device in declared.devices else "cpu"
        changes = text(self.plan.changes(method, variant))
        model, folder = None, self.folder / "runs" / method
        if declared.learned:
            owner, its_variant = self.plan.model(method, variant)
            if self.plan.methods[owner].train:
                return None  # how its time grows with pairs and voxels is the command's secret
            model = self._trained(pairs, owner, its_variant, place)
            if declared.trains and model["status"] == "ok":
                size = size_of(self.folder / "models" / owner)
                seconds = model["seconds"] / model["steps"]
                yield Sample(
                    "models", method, changes, self.voxels, seconds, size, None, model["threads"], place, True
                )
        run_batch(
            pairs, declared, options, task=self.name, variant=variant, repetition=0, model_record=model, folder=folder,
            threads=self.plan.study.threads, device=place, limits=LIMITS, seed=0, code_fingerprint="", timed=False,
            repetitions=1,
        )  # fmt: skip
        record = read_record(folder / f"{pairs[-1]['pair']}.json")  # of two pairs the second is the steadier
        if record["status"] != "ok":
            return None
        yield Sample(
            "runs", method, changes, self.voxels, sum(record["phases"].values()), Path(record["field"]).stat().st_size,
            record["peak_memory_mb"], record["threads"], place, True,
        )  # fmt: skip
        return record

    def _trained(self, pairs: list[dict[str, Any]], method: str, variant: str, device: str) -> dict[str, Any]:
        """The record of a few steps, after some in which whatever is compiled gets compiled."""
        folder = self.folder / "models" / method
        if not (folder / "record.json").exists():
            for steps, where in ((2, self.folder / "warm" / method), (STEPS, folder)):
                short = {"epochs": None, "steps": steps, "validate_every": steps}
                options = self.plan.options(method, variant) | short
                learned = load_method(self.plan.methods[method].python or "", options)
                train_model(
                    cast(Trainable, learned), pairs, pairs[:1], folder=where, seed=0, threads=self.plan.study.threads,
                    device=device, limit_seconds=LIMITS.train_seconds,
                )  # fmt: skip
        return read_record(folder / "record.json")

    def _scored(self, pairs: list[dict[str, Any]], run: dict[str, Any]) -> Sample:
        pair = next(pair for pair in pairs if pair["pair"] == run["pair"])
        seconds, _ = _timed(lambda: score_pair(pair, run, self.plan.study.scores))
        return Sample("scores", "", "", self.voxels, seconds, spot=True)


def small_grid(grid: GridSettings) -> GridSettings:
    """The same field of view in at most about 32 voxels an axis, in multiples of 8 as networks need."""
    factor = max(grid.shape) / LONGEST
    if factor <= 1.25:
        return grid
    shape = tuple(max(16, 8 * round(n / factor / 8)) for n in grid.shape)
    spacing = tuple(s * n / m for s, n, m in zip(grid.spacing, grid.shape, shape, strict=True))
    return GridSettings.model_validate({"shape": shape, "spacing": spacing})


def _timed(do) -> tuple[float, Any]:
    start = time.monotonic()
    made = do()
    return time.monotonic() - start, made
