"""Follow-ups: a lesion drawn in a person's first scan, carried over to a later one, and what that says of its volume."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from regbench.tables.document import Block, Cell, Document
from regbench.tables.frames import Frame
from regbench.tables.layout import count_cell
from regbench.tables.summary import PAIR, PAPER_ORDER, Method

MEASURED = {
    "volume_before": "before_ml",
    "volume_carried": "carried_ml",
    "volume_after": "after_ml",
    "dsc": "dsc",
    "hd95": "hd95_mm",
}
CHANGES = {"change_percent": "after_ml", "change_carried_percent": "carried_ml"}  # from before_ml
COLUMNS = ("task", *PAIR, "method", "variant", "label", "seeds", "status", *MEASURED.values(), *CHANGES)
SHOWN = {
    "before_ml": ("Before (ml)", ".2f"),
    "carried_ml": ("Carried (ml)", ".2f"),
    "after_ml": ("After (ml)", ".2f"),
    "change_percent": ("Change (%)", "+.1f"),
    "change_carried_percent": ("by carried label (%)", "+.1f"),
    "dsc": ("DSC", ".4f"),
    "hd95_mm": ("HD95 (mm)", ".2f"),
}
NOTES = (
    "Before and After: volumes of the labels as they were drawn in the first and the later scan. Carried: of the first "
    "scan's label brought to the later one, sampled once.",
    "Change: from Before to After; by carried label: from Before to Carried. DSC and HD95: carried label beside the later scan's.",
    "Means over n pairs of scans, seeds averaged first; followup.csv has a row for each pair. A dash: not known without a label there.",
)


def followups(scores: Frame, task: str) -> Frame:
    """A row for each pair, method variant and label of a follow-up task, seeds averaged: COLUMNS.

    A pair that a method failed on has a row with that status and no label. `seeds`: of how many runs a row is.
    """
    here = scores[(scores["task"] == task) & scores["metric"].isin(list(MEASURED))]
    return pd.DataFrame(_rows(here), columns=COLUMNS)


def _rows(scores: Frame) -> Iterator[dict[str, Any]]:
    keys = ["task", *PAIR, "method", "variant"]
    for names, rows in scores.groupby(keys, sort=False):
        known = dict(zip(keys, names, strict=True))
        for status, those in rows[rows["status"] != "ok"].groupby("status"):
            yield known | {"seeds": those["repetition"].nunique(), "status": status}
        labelled = rows[(rows["status"] == "ok") & rows["label"].notna()]
        for label, one in labelled.groupby("label"):
            mean = one.groupby("metric")["value"].mean()
            values = {column: mean.get(metric) for metric, column in MEASURED.items()}
            changes = {name: _change(values["before_ml"], values[later]) for name, later in CHANGES.items()}
            seeds = one["repetition"].nunique()
            yield known | {"seeds": seeds, "label": int(label), "status": "ok"} | values | changes


def _change(before: float | None, after: float | None) -> float | None:
    """In percent; None where either is not known, or there was nothing before."""
    return 100 * (after - before) / before if before and after is not None else None


def followup_document(table: Frame, methods: Mapping[str, Method], facts: list[str]) -> Document:
    """The same for reading: a block for each task, a row for each label and method."""
    document = Document(
        "Follow-up: a lesion carried from a first scan to a later one", facts, notes=list(NOTES)
    )
    for task, rows in table.groupby("task", sort=False):
        lines = rows[rows["status"] == "ok"].groupby(["label", "method", "variant"])
        order = sorted(lines, key=lambda line: (line[0][0], _place(line[0][1]), line[0][1:]))
        block = Block(
            f"Task {task}",
            ["Method", "Label", "n", *(title for title, _ in SHOWN.values())],
            [_line(names, each, methods) for names, each in order],
        )
        document.blocks.append(block)
        document.notes += [
            f"Failures, task {task}: {_name(method, variant, methods)}: {failed} of {runs} runs."
            for (method, variant), each in rows.groupby(["method", "variant"])
            for failed, runs in [_failed(each)]
            if failed
        ]
    return document


def _failed(rows: Frame) -> tuple[int, int]:
    """How many runs of a method variant failed, and of how many; a run has a row for each of its labels."""
    runs = rows.groupby([*PAIR, "status"])["seeds"].max()
    return int(runs.drop("ok", level="status", errors="ignore").sum()), int(runs.sum())


def _name(method: str, variant: str, methods: Mapping[str, Method]) -> str:
    shown = methods[method].label if method in methods else method
    return shown if variant == "default" else f"{shown} ({variant})"


def _place(method: str) -> int:
    return PAPER_ORDER.index(method) if method in PAPER_ORDER else len(PAPER_ORDER)


def _line(names: tuple[int, str, str], rows: Frame, methods: Mapping[str, Method]) -> list[Cell]:
    label, method, variant = names
    mean = rows.mean(numeric_only=True)
    return [
        Cell(_name(method, variant, methods)),
        count_cell(label),
        count_cell(len(rows)),
        *(_cell(mean.get(key), form) for key, (_, form) in SHOWN.items()),
    ]


def _cell(value: float | None, form: str) -> Cell:
    return Cell("-") if value is None or math.isnan(value) else Cell(format(value, form), value)
