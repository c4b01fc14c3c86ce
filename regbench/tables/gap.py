"""Where the truth is known: how much of what can be gained a method gains."""

from collections.abc import Mapping

import pandas as pd

from regbench.tables.document import Block, Cell, Document
from regbench.tables.frames import Frame
from regbench.tables.summary import PAIR, PAPER_ORDER, Method, pair_values

GAP = {
    "dsc_closed_percent": "DSC gap closed (%)",
    "error_lowered_percent": "Error lowered (%)",
    "folding_percent": "Folding (%)",
}


def closed_gap(scores: Frame, task: str) -> Frame:
    """For each method variant of a task with known truth, against identity on the same pairs.

    Columns: task, method, variant, n (pairs that identity, truth and the method all have), and, in percent:
    dsc_closed_percent of the way from identity's mean DSC to the truth's, error_lowered_percent of identity's mean
    field error, folding_percent of the brain. Empty when the task lacks an identity or a truth run.
    """
    here = scores[scores["task"] == task]
    by_method = {names: pair_values(rows) for names, rows in here.groupby(["method", "variant"], sort=False)}
    ends = {method: values for (method, _), values in by_method.items() if method in ("identity", "truth")}
    rows = []
    if {"identity", "truth"} <= ends.keys():
        for (method, variant), values in by_method.items():
            if method not in ends:
                rows.append({"task": task, "method": method, "variant": variant, **_gain(values, ends)})
    return pd.DataFrame(rows, columns=["task", "method", "variant", "n", *GAP])


def gap_document(table: Frame, methods: Mapping[str, Method], facts: list[str]) -> Document:
    """The same for reading, a block for each task, with the methods' labels. facts: of the study and its data."""
    told = "Share of what can be gained that each method gains, on the same pairs."
    found = Document("From identity to truth", [*facts, told])
    ranked = table.assign(rank=[PAPER_ORDER.index(m) if m in PAPER_ORDER else 99 for m in table["method"]])
    for task, rows in ranked.groupby("task", sort=False):
        ordered = rows.sort_values(["rank", "method", "variant"]).to_dict("records")
        cells = [
            [Cell(_label(row, methods)), Cell(str(row["n"]), row["n"]), *_percents(row)] for row in ordered
        ]
        found.blocks.append(Block(f"Task {task}", ["Method", "n", *GAP.values()], cells))
    return found


def _gain(values: Frame, ends: dict[str, Frame]) -> dict[str, float]:
    shared = values.merge(ends["identity"], on=PAIR, suffixes=("", "_identity"))
    shared = shared.merge(ends["truth"], on=PAIR, suffixes=("", "_truth"))
    mean = shared.drop(columns=PAIR).mean()
    gap = mean.get("dsc_truth", float("nan")) - mean.get("dsc_identity", float("nan"))
    before = mean.get("error_identity", float("nan"))
    return {
        "n": len(shared),
        "dsc_closed_percent": 100
        * (mean.get("dsc", float("nan")) - mean.get("dsc_identity", float("nan")))
        / gap,
        "error_lowered_percent": 100 * (before - mean.get("error", float("nan"))) / before,
        "folding_percent": mean.get("folding", float("nan")),
    }


def _label(row: dict, methods: Mapping[str, Method]) -> str:
    label = methods[row["method"]].label if row["method"] in methods else row["method"]
    return label + (f" ({row['variant']})" if row["variant"] != "default" else "")


def _percents(row: dict) -> list[Cell]:
    return [Cell("-" if pd.isna(row[key]) else f"{row[key]:.2f}", row[key]) for key in GAP]
