"""A made study of one task with the files that stages leave: one pair has volumes, twelve have scores."""

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd

from regbench.geometry.fields import read_field
from regbench.records import write_record
from regbench.scores.metrics import METRICS
from regbench.study import Study, parse_study
from regbench.tables.gather import SCORES, TIMINGS
from regbench.tables.tables import write_tables
from tests.scores.small_pair import smooth_field, write_pair, write_run

SUBJECTS = ("a", "b", "c", "d")
LEVELS = {"identity": 0.4, "syn": 0.6, "dmi": 0.7, "mine": 0.5, "broken": None, "truth": 0.9}
TIMES = {"syn": 20.0, "dmi": 0.2, "mine": 3.0}


@dataclass(frozen=True)
class Method:
    label: str
    control: bool = False
    learned: bool = False
    model_of: str | None = None
    devices: tuple[str, ...] = ("cpu",)


METHODS = {
    "identity": Method("Affine", control=True),
    "syn": Method("SyN"),
    "dmi": Method("DMI", learned=True),
    "mine": Method("My method"),
    "broken": Method("Broken"),
    "truth": Method("Truth", control=True),
}


@dataclass
class Made:
    """The study's own folder, its plan's lists, and the pair that has files."""

    results: Path
    study: Study
    pair: dict
    runs: list
    trained: list


def write_study(folder: Path, modality: str = "mono", subjects: tuple[str, ...] = SUBJECTS) -> Made:
    results, study = folder / "tiny", _study(modality)
    (folder / "scans").mkdir(parents=True)
    pair = write_pair(folder / "scans")
    write_record(results / "prepared" / "task" / "pairs" / "test_b0.json", {"pairs": [pair]})
    for method in METHODS:
        _write_batch(results / "runs" / "task" / method / "default" / "r0_b0", method, pair)
    scores = [row for method in METHODS for row in _scores(method, subjects)]
    timings = [_timing(method, seconds) for method, seconds in TIMES.items()]
    pd.DataFrame(scores, columns=SCORES).to_csv(results / "scores.csv", index=False)
    pd.DataFrame(timings, columns=TIMINGS).to_csv(results / "timings.csv", index=False)
    write_tables(study, results, METHODS)
    curve = results / "models" / "task" / "dmi" / "default" / "r0" / "curve.csv"
    curve.parent.mkdir(parents=True)
    steps = [
        f"{n},{split},loss,{1 / (n + late)}"
        for n in (10, 20, 30)
        for split, late in (("train", 0), ("val", 2))
    ]
    curve.write_text("\n".join(["step,split,name,value", *steps]) + "\n")
    runs = [("task", method, "default", "r0_b0") for method in METHODS]
    return Made(results, study, pair, runs, [("task", "dmi", "default", 0)])


def _study(modality: str) -> Study:
    task = {
        "dataset": "d", "table": 1 if modality == "mono" else 2, "moving": "T1w" if modality == "mono" else "T2w",
        "grid": {"spacing": [2, 2, 2], "shape": [24, 22, 20]},
    }  # fmt: skip
    raw = {
        "study": "tiny",
        "description": "Made.",
        "datasets": {"d": {"type": "phantom"}},
        "tasks": {"task": task},
    }
    return parse_study(raw | {"scores": {"bootstrap": 100}}, "test")


def _write_batch(folder: Path, method: str, pair: dict) -> None:
    folder.mkdir(parents=True)
    fields = {
        "identity": lambda: np.zeros_like(smooth_field(7, 4.0)),
        "truth": lambda: read_field(pair["truth"])[0],
        "broken": lambda: None,
    }
    u = fields.get(method, lambda: 0.7 * smooth_field(7, 4.0) + smooth_field(len(method), 1.5))()
    record = write_run(folder, u, "timeout" if method == "broken" else "ok") | {
        "task": "task",
        "method": method,
    }
    write_record(folder / "a__b.json", record)
    write_record(folder / "batch.json", {"counts": {}, "pairs": ["a__b"]})


def _scores(method: str, subjects: tuple[str, ...]) -> list[dict]:
    rows, level = [], LEVELS[method]
    for n, (fixed, moving) in enumerate(permutations(subjects, 2)):
        head = {"task": "task", "fixed": fixed, "moving": moving, "method": method, "variant": "default",
                "repetition": 0, "status": "timeout" if level is None else "ok"}  # fmt: skip
        for metric in METRICS.values():
            value = "" if level is None else (level if metric.better == "higher" else 1 - level) + 0.005 * n
            rows.append(head | {"metric": metric.name, "label": "", "value": value, "unit": metric.unit})
            if metric.needs == "labels" and level is not None:
                rows += [
                    rows[-1] | {"label": label, "value": float(value) - 0.02 * label}
                    for label in (1, 2, 3, 4)
                ]
    return rows


def _timing(method: str, seconds: float) -> dict:
    return dict.fromkeys(TIMINGS, "") | {
        "task": "task", "fixed": "a", "moving": "b", "method": method, "variant": "default", "repetition": 0,
        "status": "ok", "kind": "python", "threads": 2, "device": "cpu", "phase": "compute", "call": 1,
        "cold": False, "seconds": seconds, "host": "box", "cpu": "Fast CPU",
    }  # fmt: skip
