"""Scores and timings of a small made-up study, as the files that stages leave."""

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd

from regbench.records import write_record
from regbench.scores.metrics import METRICS
from regbench.study import Study, parse_study
from regbench.tables.gather import SCORES, TIMINGS

SUBJECTS = ("007", "NA", "s3", "s4")


@dataclass(frozen=True)
class FakeMethod:
    name: str
    label: str
    control: bool = False
    learned: bool = False
    model_of: str | None = None
    devices: tuple[str, ...] = ("cpu", "cuda")


METHODS = {
    method.name: method
    for method in (
        FakeMethod("identity", "Affine", control=True),
        FakeMethod("truth", "Truth", control=True),
        FakeMethod("syn", "SyN"),
        FakeMethod("dmi", "Our Method (DMI)", learned=True),
        FakeMethod("zeta", "50% & more_", devices=("cpu",)),
    )
}


def study(kind: str = "phantom", tables: tuple[int, ...] = (1, 2)) -> Study:
    tasks = {
        {1: "mono", 2: "multi"}[number]: {
            "dataset": "d",
            "table": number,
            "moving": "T1w" if number == 1 else "T2w",
            "grid": {"spacing": [3, 3, 3], "shape": [32, 32, 32]},
        }
        for number in tables
    }
    raw = {
        "study": "tiny",
        "description": "A made-up study.",
        "datasets": {"d": {"type": kind}},
        "tasks": tasks,
        "scores": {"bootstrap": 100},
    }
    return parse_study(raw, "test")


def score_rows(
    task: str,
    method: str,
    level: float,
    *,
    variant: str = "default",
    repetition: int = 0,
    failed: dict | None = None,
) -> list[dict]:
    """Every metric of every ordered pair: `level` plus a little for the fixed subject; `failed`: pair -> status."""
    rows = []
    for fixed, moving in permutations(SUBJECTS, 2):
        status = (failed or {}).get((fixed, moving), "ok")
        names = {"task": task, "fixed": fixed, "moving": moving, "method": method, "variant": variant}
        for metric in METRICS.values():
            value = level + 0.01 * SUBJECTS.index(fixed) + 0.1 * repetition
            row = {**names, "repetition": repetition, "status": status, "metric": metric.name, "label": ""}
            rows.append(row | {"value": value if status == "ok" else "", "unit": metric.unit})
            if metric.needs == "labels" and status == "ok":
                rows.append(rows[-1] | {"label": 4, "value": value})
    return rows


def timing_row(task: str, method: str, seconds: float | str, **changes) -> dict:
    row = dict.fromkeys(TIMINGS, "") | {
        "task": task, "fixed": "007", "moving": "NA", "method": method, "variant": "default", "repetition": 0,
        "status": "ok", "kind": "python", "threads": 2, "device": "cpu", "phase": "compute", "call": 1,
        "cold": False, "seconds": seconds, "host": "box", "cpu": "Fast CPU", "gpu": "Big GPU", "driver": "1.2",
    }  # fmt: skip
    return row | changes


def write_results(folder: Path, scores: list[dict], timings: list[dict]) -> Path:
    """results/STUDY with both CSV files."""
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(scores, columns=SCORES).to_csv(folder / "scores.csv", index=False)
    pd.DataFrame(timings, columns=TIMINGS).to_csv(folder / "timings.csv", index=False)
    return folder


def usual_scores(task: str) -> list[dict]:
    return [
        *score_rows(task, "dmi", 0.65),
        *score_rows(task, "zeta", 0.4),
        *score_rows(task, "truth", 0.9),
        *score_rows(task, "syn", 0.6),
        *score_rows(task, "identity", 0.5),
    ]


def usual_timings(task: str) -> list[dict]:
    return [
        timing_row(task, "syn", 90.0, call=0, cold=True),
        timing_row(task, "syn", 8.0),
        timing_row(task, "syn", 10.0, call=2),
        timing_row(task, "syn", "", device="cuda", status="skipped", phase="", call="", cold=""),
        timing_row(task, "dmi", 0.5),
        timing_row(task, "dmi", 700.0, phase="train", call="", cold="", kind="training"),
        timing_row(task, "dmi", 0.02, device="cuda"),
    ]


def calls(task: str, method: str, cold: float, *seconds: float, **changes) -> list[dict]:
    """A cold call and steady ones of one pair."""
    first = timing_row(task, method, cold, call=0, cold=True, **changes)
    return [first, *(timing_row(task, method, x, call=n, **changes) for n, x in enumerate(seconds, 1))]


def write_timed_batch(folder: Path, records: list[dict]) -> Path:
    """A folder runs/TASK/METHOD/VARIANT/timed_cpu with its records and batch.json."""
    for record in records:
        write_record(folder / f"{record['pair']}.json", record)
    write_record(folder / "batch.json", {"counts": {}, "pairs": [record["pair"] for record in records]})
    return folder / "batch.json"


def approx_mean(level: float) -> float:
    return level + 0.01 * float(np.mean(range(len(SUBJECTS))))
