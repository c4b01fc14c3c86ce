"""The checks, in their order; each is a run through the runner that studies use."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from regbench.geometry.fields import read_field
from regbench.methods.contract import importable, load_method
from regbench.methods.discovery import MethodFile
from regbench.records import read_record
from regbench.runs.batch import run_batch
from regbench.study import LimitSettings
from regbench.trial import scenes
from regbench.trial.busy import BusyThreads
from regbench.trial.mistakes import NOTHING, RIGHT, Found, diagnose, error

SHIFT = np.array([4.0, -3.0, 2.5])  # LPS mm
FOUND = 0.6  # of the shift may be left
STILL = 0.5  # mm, of a voxel of 2, that may move between identical images
SAME = 1e-3  # mm between two runs
BUSY = 1.5  # threads that a method given one may have at work at once
LONG_SECONDS, MOST_RUNS = 3.0, 40  # of runs on which that is measured
SOME_SECONDS = 1.0  # shorter runs cannot be stopped in the middle
Outcome = Literal["ok", "FAILED", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What one check found, in words."""

    check: str
    outcome: Outcome
    words: str


class _Trial:
    """One method with its options, and a folder for all that is made."""

    def __init__(
        self,
        methods: dict[str, MethodFile],
        name: str,
        options: dict[str, Any],
        folder: Path,
        model: Path | None,
        seconds: float,
    ) -> None:
        self.methods, self.method, self.options = methods, methods[name], options
        self.folder, self.model, self.seconds = folder, model, seconds
        self.grids = scenes.grids()
        self.matrix = np.eye(4)
        angle = math.radians(12)
        self.matrix[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        self.matrix[:3, 3] = [9.0, -14.0, 6.0]
        self.trained: dict[str, dict[str, Any]] = {}

    @property
    def untrained(self) -> bool:
        """Whether the model is one of a single step, made here."""
        return self.method.learned and self.model is None

    def pair(self, grid: str, shift: np.ndarray, multi: bool = False) -> dict[str, Any]:
        """A pair on one of the grids, in which `shift` (3,) LPS mm is to be found."""
        place = self.grids[grid]
        fixed = scenes.head(place.points())
        moving = scenes.head(place.points() - shift.reshape(3, 1, 1, 1))
        name = f"{grid}-{'still' if not shift.any() else 'shift'}-{'multi' if multi else 'mono'}"
        if multi:
            moving = scenes.other_contrast(moving)
        return scenes.pair_record(self.folder, name, place, fixed, moving, self.matrix)

    def constant(self) -> dict[str, Any]:
        place = self.grids["LAS"]
        flat = np.full(place.shape, 0.5, np.float32)
        return scenes.pair_record(self.folder, "constant", place, flat, flat, self.matrix)

    def run(self, pair: dict[str, Any], where: str, grid: str, **limits: float) -> dict[str, Any]:
        """The record of one run, in a folder and a process of its own."""
        return self.run_all([pair], where, grid, **limits)[0]

    def run_all(
        self,
        pairs: list[dict[str, Any]],
        where: str,
        grid: str,
        seconds: float | None = None,
        memory_gb: float = LimitSettings().memory_gb,
    ) -> list[dict[str, Any]]:
        """The records of runs in one process, with one model."""
        out = self.folder / where
        run_batch(
            pairs, self.method, self.options, task="trial", variant="default", repetition=0,
            model_record=self._model(pairs[0], grid), folder=out, threads=1, device="cpu",
            limits=LimitSettings(run_seconds=seconds or self.seconds, memory_gb=memory_gb), seed=0, code_fingerprint="trial", timed=False,
            repetitions=1,
        )  # fmt: skip
        return [read_record(out / f"{pair['pair']}.json") for pair in pairs]

    def field(self, record: dict[str, Any], grid: str) -> Found:
        """The field (3, N) well inside the head, where that is, and the grid."""
        place = self.grids[grid]
        within, (u, _) = scenes.inside(place), read_field(record["field"])
        return u[:, within].astype(float), place.points()[:, within], place

    def _model(self, pair: dict[str, Any], grid: str) -> dict[str, Any] | None:
        """The model given, or one of a single step on this very pair: enough to see that it runs."""
        if not self.method.learned:
            return None
        if self.model is not None:
            return {"status": "ok", "model": str(self.model)}
        contrasts = f"{grid}-{pair['moving']['contrast']}"
        if contrasts not in self.trained:
            owner = self.methods[self.method.model_of] if self.method.model_of else self.method
            options = self.options if owner is self.method else owner.options
            self.trained[contrasts] = _trained(owner, options, pair, self.folder / "models" / contrasts)
        return self.trained[contrasts]


def _trained(
    method: MethodFile, options: dict[str, Any], pair: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """The record of a class's training of a single step, or of a command's whole training, on one pair."""
    if method.train:
        from regbench.models.command import train_by_command

        return train_by_command(
            method,
            options,
            [pair],
            [pair],
            folder=folder,
            seed=0,
            threads=1,
            device="cpu",
            limits=LimitSettings(),
        )
    from regbench.models.training import train_model

    once = {"epochs": None, "steps": 1, "validate_every": 1}
    with importable(method.path.parent):
        learned: Any = load_method(method.python or "", {**options, **once})
        return train_model(
            learned, [pair], [pair], folder=folder, seed=0, threads=1, device="cpu", limit_seconds=math.inf
        )


def try_method(
    methods: dict[str, MethodFile],
    name: str,
    options: dict[str, Any],
    folder: Path,
    model: Path | None = None,
    seconds: float = 600.0,
) -> Iterator[Finding]:
    """Try one of the `methods` found, with `options`, on made pairs written into `folder`; findings as they come.

    Images of 48 x 56 x 40 voxels of about 2 mm, one thread, `seconds` for each run. Without a `model` a learned method is
    trained for one step, and what it finds is not judged. ValueError for a control, which looks at no image.
    """
    if methods[name].control or methods[name].needs_truth:
        raise ValueError(f"method {name} is a control: it looks at no image, there is nothing to find out")
    trial = _Trial(methods, name, options, folder, model, seconds)
    for check in (_shifts, _identical, _two_contrasts, _constant, _deterministic, _limits):
        yield from check(trial)


def _failure(record: dict[str, Any]) -> str | None:
    """Why there is no field; None where there is one."""
    if record["status"] == "ok":
        return None
    last = [line for line in record.get("log_tail") or [] if line.strip()]
    return f"{record['status']}: {record['message']}" + (
        f" (its last words: {last[-1].strip()})" if last else ""
    )


def _shifts(trial: _Trial) -> Iterator[Finding]:
    """A shift of 5.6 mm on three grids, and what explains it when it is not found."""
    pairs = {grid: trial.pair(grid, SHIFT) for grid in trial.grids}
    if trial.untrained:  # a model is of one grid
        records = {grid: trial.run(pair, f"shift-{grid}", grid) for grid, pair in pairs.items()}
    else:
        records = dict(zip(pairs, trial.run_all(list(pairs.values()), "shift", "any"), strict=True))
    found = {grid: trial.field(record, grid) for grid, record in records.items() if not _failure(record)}
    mistake = diagnose(list(found.values()), SHIFT, trial.matrix) if found and not trial.untrained else RIGHT
    for grid, record in records.items():
        yield _shift_finding(trial, f"a shift, {grid} grid", _failure(record), found.get(grid), mistake)


def _shift_finding(
    trial: _Trial, check: str, failure: str | None, found: Found | None, mistake: str
) -> Finding:
    if failure or found is None:
        return Finding(check, "FAILED", failure or "no field")
    if trial.untrained:
        return Finding(
            check, "skipped", "a field of the right form; what it finds needs a trained model (--model)"
        )
    left = error(RIGHT, found, SHIFT, trial.matrix)
    words = f"{left:.2f} of {np.linalg.norm(SHIFT):.2f} mm left"
    if left <= FOUND * np.linalg.norm(SHIFT) and mistake == RIGHT:
        return Finding(check, "ok", words)
    return Finding(check, "FAILED", f"{words}; {NOTHING if mistake == RIGHT else mistake}")


def _identical(trial: _Trial) -> Iterator[Finding]:
    check = "identical images"
    record = trial.run(trial.pair("oblique", np.zeros(3)), "identical", "oblique")
    if failure := _failure(record):
        yield Finding(check, "FAILED", failure)
        return
    u, _, _ = trial.field(record, "oblique")
    size = float(np.linalg.norm(u, axis=0).mean())
    if trial.untrained:
        yield Finding(check, "skipped", "needs a trained model (--model)")
    else:
        yield Finding(
            check,
            "ok" if size <= STILL else "FAILED",
            f"{size:.2f} mm of displacement, at most {STILL:g} expected",
        )


def _two_contrasts(trial: _Trial) -> Iterator[Finding]:
    check = "a shift, two contrasts"
    if "multi" not in trial.method.modalities:
        yield Finding(check, "skipped", "the method takes no multi-modal pairs")
        return
    if trial.method.learned and trial.model is not None:
        yield Finding(check, "skipped", "the model is of one pair of contrasts")
        return
    record = trial.run(trial.pair("oblique", SHIFT, multi=True), "multi", "oblique")
    failure = _failure(record)
    found = None if failure else trial.field(record, "oblique")
    mistake = diagnose([found], SHIFT, trial.matrix) if found and not trial.untrained else RIGHT
    yield _shift_finding(trial, check, failure, found, mistake)


def _constant(trial: _Trial) -> Iterator[Finding]:
    """Images without any structure: a field, an error and NaN are all answers that a table can tell; a hang is none."""
    record = trial.run(trial.constant(), "constant", "LAS")
    answered = record["status"] in ("ok", "error", "invalid")
    words = _failure(record) or "a finite field"
    yield Finding("constant images", "ok" if answered else "FAILED", words)


def _deterministic(trial: _Trial) -> Iterator[Finding]:
    check = "the same seed twice"
    pair = trial.pair("LAS", SHIFT)
    records = [trial.run(pair, f"seed-{k}", "LAS") for k in range(2)]
    if failure := next(filter(None, map(_failure, records)), None):
        yield Finding(check, "FAILED", failure)
        return
    one, other = (read_field(record["field"])[0] for record in records)
    apart = float(np.abs(one - other).max())
    yield Finding(check, "ok" if apart <= SAME else "FAILED", f"fields {apart:.2g} mm apart")


def _limits(trial: _Trial) -> Iterator[Finding]:
    """One thread is one core busy; a run that takes too long, or too much memory, ends as such."""
    pair = trial.pair("LAS", SHIFT)
    record = trial.run(pair, "once", "LAS")
    if failure := _failure(record):
        yield Finding("one thread", "FAILED", failure)
        return
    took = sum(record["phases"].values())
    yield _one_thread(trial, pair, took)
    yield _stopped(trial, pair, "time limit", "timeout", took, {"seconds": took / 3}, f"{took / 3:.1f} s")
    if used := record["peak_memory_mb"]:
        gb = used / 2 / 1024
        yield _stopped(trial, pair, "memory limit", "oom", took, {"memory_gb": gb}, f"{gb:.2g} GB")


def _one_thread(trial: _Trial, pair: dict[str, Any], took: float) -> Finding:
    """In runs of one process after a first one, so that its start, with all its imports, is no part of them."""
    further = min(MOST_RUNS, math.ceil(LONG_SECONDS / max(took, 1e-3)))
    pairs = [pair, *({**pair, "pair": f"{pair['pair']}-{k}"} for k in range(further))]
    with BusyThreads(trial.folder / "threads" / f"{pair['pair']}.json") as busy:
        records = trial.run_all(pairs, "threads", "LAS")
    if failure := next(filter(None, map(_failure, records)), None):
        return Finding("one thread", "FAILED", failure)
    words = f"{busy.mean:.1f} threads at work at once, the mean of {busy.looks} looks"
    return Finding("one thread", "ok" if busy.mean <= BUSY else "FAILED", words)


def _stopped(
    trial: _Trial,
    pair: dict[str, Any],
    check: str,
    status: str,
    took: float,
    limit: dict[str, float],
    words: str,
) -> Finding:
    if took < SOME_SECONDS:
        return Finding(check, "skipped", f"a run takes {took:.2g} s: nothing to stop")
    ended = trial.run(pair, check.replace(" ", "-"), "LAS", **limit)["status"]
    return Finding(check, "ok" if ended == status else "FAILED", f"with a limit of {words}: {ended}")
