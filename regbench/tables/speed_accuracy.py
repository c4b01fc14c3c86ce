"""Speed against accuracy: the data of a plot with a point for each variant of each method on each machine."""

from typing import Any

import numpy as np
import pandas as pd

from regbench.scores.metrics import METRICS
from regbench.tables.frames import Frame
from regbench.tables.summary import Line

FRONTS = ("dsc", "error")  # what a variant may lead in for its time
WITH_INTERVAL = ("dsc", "error", "tre")
OF_TIMES = ("device", "machine", "clock", "steady_seconds", "steady_low", "steady_high", "training_seconds")
COLUMNS = [
    "task", "method", "variant", "row", "control", "n", "failed", *OF_TIMES,
    *(f"{name}{part}" for name in WITH_INTERVAL for part in ("", "_low", "_high")), "folding",
    *(f"on_front_{name}" for name in FRONTS),
]  # fmt: skip


def speed_accuracy(lines_by_task: dict[str, list[Line]], times: Frame) -> Frame:
    """A row for each line on each device and machine it was timed on; one without a machine where it was not.

    times: the table of regbench.tables.times. `on_front_METRIC`: no other variant of the task, on that machine and by that
    clock, is both as fast and as good; a variant that was not timed or has no such value is on none.
    """
    rows = []
    for task, lines in lines_by_task.items():
        for line in lines:
            here = (
                (times["task"] == task)
                & (times["method"] == line.method)
                & (times["variant"] == line.variant)
            )
            timed = times[here].to_dict("records") or [{}]
            rows += [_row(task, line) | {name: row.get(name) for name in OF_TIMES} for row in timed]
    table = pd.DataFrame(rows, columns=COLUMNS)
    for name in FRONTS:
        table[f"on_front_{name}"] = False
        sign = 1 if METRICS[name].better == "lower" else -1
        for _, part in table.groupby(["task", "device", "machine", "clock"]):
            table.loc[part.index, f"on_front_{name}"] = on_front(part["steady_seconds"], sign * part[name])
    return table


def on_front(seconds: Any, cost: Any) -> np.ndarray:
    """(n,) bool: which of n points no other point beats in one of two costs without losing in the other; NaN never is."""
    points = np.stack([np.asarray(seconds, float), np.asarray(cost, float)])
    others, mine = points[:, :, None], points[:, None, :]
    beaten = ((others <= mine).all(axis=0) & (others < mine).any(axis=0)).any(axis=0)
    return np.asarray(~beaten & ~np.isnan(points).any(axis=0))


def _row(task: str, line: Line) -> dict[str, Any]:
    row: dict[str, Any] = {
        "task": task, "method": line.method, "variant": line.variant, "row": line.label, "control": line.control,
        "n": line.n, "failed": sum(line.failures.values()),
    }  # fmt: skip
    for name in WITH_INTERVAL:
        if value := line.values.get(name):
            row |= {name: value.mean, f"{name}_low": value.low, f"{name}_high": value.high}
    if folding := line.values.get("folding"):
        row["folding"] = folding.mean
    return row
