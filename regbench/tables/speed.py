"""How many times faster each learned method is than each one without training, and after how many pairs that pays."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from regbench.tables.calls import by_machine, clock_of, steady
from regbench.tables.document import Block, Cell, Document
from regbench.tables.frames import Column, Frame
from regbench.tables.layout import count_cell, seconds_cell
from regbench.tables.medians import interval, pairs_of, resampled_medians, seconds_on
from regbench.tables.paper import paper
from regbench.tables.summary import Line, Method
from regbench.tables.trainings import Training, training_of

Row = dict[str, Any]
COLUMNS = [
    "block", "task", "device", "machine", "method", "variant", "row", "against", "against_variant", "against_row",
    "pairs", "calls", "against_calls", "seconds", "against_seconds", "times_faster", "low", "high", "training_seconds",
    "training_machine", "pairs_until_training_pays", "why_not",
]  # fmt: skip
HEADER = ["Method", "against", "(s)", "against (s)", "times faster", "95 %", "pairs", "pays after (pairs)"]
NEVER = "never"
ELSEWHERE, FAILED = "no machine in common", "failed"
TWO_CLOCKS = "a command's total holds its start and files, compute does not"
NO_PAIR = "no pair in common"
UNTRAINED, TRAINED_ELSEWHERE = "no training was timed", "trained on another machine"
NOTES = [
    "One setting a method: the tuned one, else its default; all of them, and the numbers of calls, in speed.csv.",
    "Steady compute of one pair, median over all calls on the pairs that both methods were timed on, on one machine; times "
    "faster: the ratio of the medians. 95 %: bootstrap over pairs and their calls; of one pair it is over its calls alone.",
    "Training pays after so many pairs: seconds of one training (median over seeds, on the same host) over the seconds saved "
    "on each pair.",
]


@dataclass(frozen=True)
class _Timed:
    """The timed runs of one method variant on one device of one machine."""

    line: Line
    device: str
    machine: str
    host: str
    clock: str
    calls: Frame  # steady ones; none where all runs failed


def speed(
    task: str, lines: list[Line], timings: Frame, methods: Mapping[str, Method], samples: int
) -> list[Row]:
    """Each learned variant against each that needs no training, on every device that both were timed on.

    timings: the task's rows. Controls are left out. Numbers of two machines, or a command's total and compute alone, are
    never divided: `why_not` says what was in the way.
    """
    learned, others = [], []
    for line in lines:
        if not line.control:
            known = line.method in methods and methods[line.method].learned
            (learned if known else others).extend(_timed(line, timings))
    rows = []
    for mine, other in product(learned, others):
        if mine[0].device == other[0].device:
            rows += [
                {"block": "measured", "task": task, **row}
                for row in _against(mine, other, timings, methods, samples)
            ]
    return rows


def published_speed(task: str, number: int, same_data: bool) -> list[Row]:
    """What the paper says of its own machine, for a task of its table `number`."""
    printed = paper()["tables"][number]
    block = "published, other machine" if same_data else "published, other data and machine, not comparable"
    names = {method: row["name"] for method, row in printed["rows"].items()}
    return [
        {
            "block": block, "task": task, "device": "cpu", "machine": printed["devices"]["cpu"], "method": method,
            "row": names[method], "against": against, "against_row": names[against], "times_faster": faster,
        }
        for method, found in printed.get("times_faster", {}).items()
        for against, faster in found.items()
    ]  # fmt: skip


def speed_document(table: Frame) -> Document:
    """For reading: one setting a method, by task, device and machine; what was not compared is a note, published values are
    blocks by themselves.
    """
    found = Document("Speed of learned methods", notes=list(NOTES))
    table = table[_shown(table, "method", "variant") & _shown(table, "against", "against_variant")]
    divided = table[table["times_faster"].notna()]
    for (block, task, device, machine), rows in divided.groupby(
        ["block", "task", "device", "machine"], sort=False
    ):
        title = f"Task {task}, {machine or device}" + (f": {block}" if block != "measured" else "")
        found.blocks.append(_block(title, [_cells(row) for _, row in rows.iterrows()]))
    if not (divided["block"] == "measured").any():
        found.facts.append("No learned method was timed beside one that needs no training.")
    found.notes += [
        f"When training pays is not known ({reason}): {_named(rows)}."
        for reason, rows in divided.groupby("why_not", sort=False)
    ]
    found.notes += [
        f"Not divided ({reason}): {_named(rows)}."
        for reason, rows in table[table["times_faster"].isna()].groupby("why_not", sort=False)
    ]
    return found


def _timed(line: Line, timings: Frame) -> list[list[_Timed]]:
    """The line's runs by machine, a list for each device."""
    mine = timings[(timings["method"] == line.method) & (timings["variant"] == line.variant)]
    found: dict[str, list[_Timed]] = {}
    for device, machine, part in by_machine(mine):
        clock = clock_of(part)
        run = _Timed(line, device, machine, part["host"].iloc[0], clock, steady(part, clock))
        found.setdefault(device, []).append(run)
    return list(found.values())


def _against(
    mine: list[_Timed], other: list[_Timed], timings: Frame, methods: Mapping[str, Method], samples: int
) -> list[Row]:
    """A row for each machine that both were timed on, or one that says that there is none."""
    a, b = mine[0].line, other[0].line
    names = {
        "device": mine[0].device,
        "machine": "",
        "method": a.method,
        "variant": a.variant,
        "row": a.label,
    }
    names |= {"against": b.method, "against_variant": b.variant, "against_row": b.label}
    rows = []
    for x, y in product(mine, other):
        if x.machine == y.machine:
            training = training_of(timings, a.method, a.variant, methods[a.method].model_of, x.host)
            rows.append(names | {"machine": x.machine} | _ratio(x, y, training, samples))
    return rows or [names | {"why_not": ELSEWHERE}]


def _ratio(mine: _Timed, other: _Timed, training: Training | None, samples: int) -> Row:
    """How much faster `mine` is than `other`, with interval, and when its training has paid."""
    if mine.calls.empty or other.calls.empty:
        return {"why_not": FAILED}
    if mine.clock != other.clock:
        return {"why_not": TWO_CLOCKS}
    pairs = sorted(pairs_of(mine.calls) & pairs_of(other.calls))
    if not pairs:
        return {"why_not": NO_PAIR}
    both = [seconds_on(calls, pairs) for calls in (mine.calls, other.calls)]
    counts = [sum(map(len, calls)) for calls in both]
    seconds, slower = (float(np.median(np.concatenate(calls))) for calls in both)
    medians = resampled_medians(both, samples)
    low, high = interval(medians[1] / medians[0], min(counts))
    row = {"pairs": len(pairs), "calls": counts[0], "against_calls": counts[1], "seconds": seconds}
    row |= {"against_seconds": slower, "times_faster": slower / seconds, "low": low, "high": high}
    if training is None or training.host != mine.host:
        return row | {"why_not": UNTRAINED if training is None else TRAINED_ELSEWHERE}
    saved = slower - seconds
    pays = training.seconds / saved if saved > 0 else NEVER
    row |= {"training_seconds": training.seconds, "training_machine": training.machine}
    return row | {"pairs_until_training_pays": pays}


def _shown(table: Frame, method: str, variant: str) -> Column:
    """Whether a row is of the setting that stands for its method: `tuned`, else `default`, else the first."""

    def stands(variants: Column) -> Column:
        names = [name for name in ("tuned", "default") if (variants == name).any()]
        return variants == (names[0] if names else variants.iloc[0])

    names = table.assign(**{variant: table[variant].fillna("")})  # published rows have none
    return names.groupby(["block", "task", method], sort=False)[variant].transform(stands).astype(bool)


def _named(rows: Frame) -> str:
    """Which methods against which, as a sentence has it."""
    groups = rows.groupby(["task", "against_row"], sort=False)["row"]
    return "; ".join(f"{task}, {other}: {', '.join(dict.fromkeys(names))}" for (task, other), names in groups)


def _block(title: str, rows: list[list[Cell]]) -> Block:
    """The columns that some row has something in."""
    kept = [k for k in range(len(HEADER)) if any(row[k].text != "-" for row in rows)]
    return Block(title, [HEADER[k] for k in kept], [[row[k] for k in kept] for row in rows], texts=(0, 1))


def _cells(row: Any) -> list[Cell]:
    pays, low = row["pairs_until_training_pays"], row["low"]
    return [
        Cell(row["row"]),
        Cell(row["against_row"]),
        seconds_cell(row["seconds"]),
        seconds_cell(row["against_seconds"]),
        Cell(_factor(row["times_faster"]), row["times_faster"]),
        Cell("-") if np.isnan(low) else Cell(f"{_factor(low)} to {_factor(row['high'])}", low),
        count_cell(row["pairs"]),
        Cell(pays) if isinstance(pays, str) else count_cell(np.ceil(pays)),
    ]


def _factor(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
