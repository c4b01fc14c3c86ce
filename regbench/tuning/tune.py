"""A method's settings read from their scores, runs and trainings; the choice and the whole grid written."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from regbench.records import read_record, write_record, write_text
from regbench.tuning.choice import CRITERIA, Tried, best, criterion

METRICS = (*CRITERIA, "folding")


def tried_settings(
    changes: Iterable[dict[str, Any]],
    scores: Sequence[Path | str],
    runs: Sequence[Path | str],
    models: Sequence[Path | str],
) -> list[Tried]:
    """What came of each setting.

    `scores`: their CSVs; `runs`: their batch.json; `models`: their record.json, none of a method that does not train.
    """
    trained = [float(read_record(path)["seconds"]) for path in models] or [0.0] * len(scores)
    rows = [_rows(Path(path)) for path in scores]
    never = set.intersection(*(_skipped(each) for each in rows))  # a scan that could not be prepared, say
    return [
        Tried(changed, *_scored(each, never), _run_seconds(Path(batch)), seconds)
        for changed, each, batch, seconds in zip(changes, rows, runs, trained, strict=True)
    ]


def write_choice(out: Path, tried: Sequence[Tried], folding_percent: float, names: dict[str, str]) -> None:
    """Write `out` (METHOD.json: the choice, by what, at what cost), the grid beside it (METHOD.csv), and the chosen options.

    METHOD.options.json holds the options that the choice changes and nothing else: what runs with the choice is done
    again when it differs, not when another setting was tried as well. `names`: task and method.
    """
    chosen = best(tried, folding_percent)
    options = tried[chosen or 0].changes
    report = {
        **names,
        "chosen": chosen or 0,
        "options": options,
        "criterion": criterion(tried),
        "eligible": sum(setting.eligible(folding_percent) for setting in tried),
        "folding_percent": folding_percent,
        "pairs": max(setting.pairs for setting in tried),
        "run_seconds": sum(setting.run_seconds for setting in tried),
        "train_seconds": sum(setting.train_seconds for setting in tried),
        "settings": [
            {
                **vars(setting),
                "eligible": setting.eligible(folding_percent),
                "chosen": number == (chosen or 0),
            }
            for number, setting in enumerate(tried)
        ],
    }
    write_record(out, report)
    write_text(out.with_suffix(".csv"), _grid(report["settings"]))
    write_record(out.with_suffix(".options.json"), {"options": options})


Row = dict[str, str]
Pair = tuple[str, str]


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf8", newline="") as file:
        return list(csv.DictReader(file))


def _skipped(rows: Iterable[Row]) -> set[Pair]:
    return {(row["fixed"], row["moving"]) for row in rows if row["status"] == "skipped"}


def _scored(rows: Iterable[Row], never: set[Pair]) -> tuple[dict[str, float], int, int]:
    """Means over pairs by metric, the number of pairs, and of those that failed; without pairs that no setting could run."""
    values: dict[str, list[float]] = defaultdict(list)
    pairs, failed = set(), set()
    for row in rows:
        pair = row["fixed"], row["moving"]
        if pair in never:
            continue
        pairs.add(pair)
        if row["status"] != "ok":
            failed.add(pair)
        elif row["metric"] in METRICS and not row["label"] and row["value"]:
            values[row["metric"]].append(float(row["value"]))
    return {name: fmean(found) for name, found in values.items()}, len(pairs), len(failed)


def _run_seconds(batch: Path) -> float:
    """Of all registrations of a batch, those that failed and set-up too."""
    records = [read_record(batch.parent / f"{name}.json") for name in read_record(batch)["pairs"]]
    return float(sum(record["wall_seconds"] for record in records))


def _grid(settings: Iterable[dict[str, Any]]) -> str:
    """One row a setting."""
    text = io.StringIO()
    columns = [
        "setting",
        "changes",
        *METRICS,
        "pairs",
        "failed",
        "eligible",
        "chosen",
        "run_seconds",
        "train_seconds",
    ]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for number, setting in enumerate(settings):
        row = {name: setting.get(name) for name in columns} | setting["means"]
        writer.writerow(row | {"setting": number, "changes": json.dumps(setting["changes"])})
    return text.getvalue()
