"""What each method takes: cold and steady calls, phases apart, memory, training; a row for each device and machine."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from regbench.tables.calls import by_machine, clock_of, cold, steady
from regbench.tables.document import Block, Cell, Document
from regbench.tables.frames import Frame
from regbench.tables.layout import DAGGER, count_cell, seconds_cell
from regbench.tables.medians import interval, pairs_of, resampled_medians, seconds_on
from regbench.tables.summary import PAIR, Line, Method
from regbench.tables.trainings import training_of

Row = dict[str, Any]
PHASES = ("load", "compute", "save", "total")
MEMORY = ("peak_memory_mb", "peak_device_memory_mb")
COLUMNS = [
    "task", "method", "variant", "row", "device", "machine", "threads", "clock", "pairs", "calls", "failed",
    "setup_seconds", "cold_seconds", "steady_seconds", "steady_low", "steady_high",
    *(f"{phase}_seconds" for phase in PHASES), *MEMORY,
    "training_seconds", "training_seconds_all_seeds", "seeds", "training_machine",
]  # fmt: skip
HEADER = [
    "Method", "setup (s)", "cold (s)", "load (s)", "compute (s)", "save (s)", "pairs", "calls", "failed",
    "memory (MB)", "device memory (MB)", "training (s)",
]  # fmt: skip
NOTES = [
    "Seconds of one pair, alone on the machine. Setup (imports, reading a model) is done once a process; cold is the "
    "compute of its first call; load, compute and save are medians over the calls after it, on all timed pairs.",
    "Memory: the largest of the timed pairs. Training: of one model, median over seeds.",
]
TOTAL_NOTE = f"{DAGGER} whole command, with its start and files: not comparable with compute."


def times(
    task: str, lines: list[Line], timings: Frame, methods: Mapping[str, Method], samples: int
) -> list[Row]:
    """The rows of one task, in the order of its table; a method that was trained but not timed has one without a machine.

    timings: the task's rows. `steady_seconds` are of the method's clock (compute, or a command's total): the median over
    all steady calls, with a 95 % interval bootstrapped over pairs and calls.
    """
    rows = []
    for line in lines:
        mine = timings[(timings["method"] == line.method) & (timings["variant"] == line.variant)]
        names = {"task": task, "method": line.method, "variant": line.variant, "row": line.label}
        found = [
            {"device": device, "machine": machine, **_measured(part, samples)}
            | _trained(line, timings, methods, part["host"].iloc[0])
            for device, machine, part in by_machine(mine)
        ]
        if not found and (trained := _trained(line, timings, methods, "")):
            found = [{"device": "", "machine": "", **trained}]
        rows += [names | row for row in found]
    return rows


def times_document(table: Frame) -> Document:
    """All tasks' rows for reading: a block for each task, device and machine."""
    found = Document("Times", notes=list(NOTES))
    for (task, _, machine), rows in table.groupby(["task", "device", "machine"], sort=False):
        title = f"Task {task}, {machine or 'not timed'}"
        found.blocks.append(Block(title, HEADER, [_cells(row) for _, row in rows.iterrows()]))
    if not found.blocks:
        found.facts.append("Nothing was timed.")
    if (table["clock"] == "total").any():
        found.notes.append(TOTAL_NOTE)
    return found


def _measured(rows: Frame, samples: int) -> Row:
    """The numbers of one method variant on one machine."""
    clock = clock_of(rows)
    calls = steady(rows, clock)
    pairs = sorted(pairs_of(calls))
    low, high = np.nan, np.nan
    if pairs:
        low, high = interval(resampled_medians([seconds_on(calls, pairs)], samples)[0], len(calls))
    good = rows[rows["status"] == "ok"]
    return {
        "threads": rows["threads"].iloc[0],
        "clock": clock,
        "pairs": len(pairs),
        "calls": len(calls),
        "failed": len(rows[rows["status"] != "ok"].groupby(PAIR)),
        "setup_seconds": rows[rows["phase"] == "setup"]["seconds"].median(),
        "cold_seconds": cold(rows, clock)["seconds"].median(),
        "steady_seconds": calls["seconds"].median(),
        "steady_low": low,
        "steady_high": high,
        **{f"{phase}_seconds": steady(rows, phase)["seconds"].median() for phase in PHASES},
        **{name: good[name].max() for name in MEMORY},
    }


def _trained(line: Line, timings: Frame, methods: Mapping[str, Method], host: str) -> Row:
    """What a variant's training took, on `host` if it was there; nothing where it has none."""
    owner = methods[line.method].model_of if line.method in methods else None
    training = training_of(timings, line.method, line.variant, owner, host)
    if training is None:
        return {}
    return {
        "training_seconds": training.seconds,
        "training_seconds_all_seeds": training.total,
        "seeds": training.seeds,
        "training_machine": training.machine,
    }


def _cells(row: Any) -> list[Cell]:
    mark = DAGGER if row["clock"] == "total" else ""
    return [
        Cell(row["row"]),
        seconds_cell(row["setup_seconds"]),
        seconds_cell(row["cold_seconds"], mark),
        seconds_cell(row["load_seconds"]),
        seconds_cell(row["steady_seconds"], mark),
        seconds_cell(row["save_seconds"]),
        *(count_cell(row[name]) for name in ("pairs", "calls", "failed", *MEMORY)),
        seconds_cell(row["training_seconds"]),
    ]
