"""Gather the pieces of a study into scores.csv and timings.csv: tidy, and free to be joined with other machines'."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from regbench.records import read_record, write_text
from regbench.scores.pair import COLUMNS
from regbench.tables.frames import Frame, read_table

Row = dict[str, Any]
SCORES = list(COLUMNS)
RUN = ["task", "fixed", "moving", "method", "variant", "repetition", "status", "kind", "threads", "device"]
PLACE = ["host", "cpu", "gpu", "driver", "commit", "clean"]
MEMORY = ["peak_memory_mb", "peak_device_memory_mb"]
TIMINGS = [*RUN, "phase", "call", "cold", "seconds", *MEMORY, *PLACE, "libraries", "own_environment"]
PHASES = ("load", "compute", "save", "total")  # `total` is all a command method's clock can see


def gather_scores(csvs: Iterable[Path | str], out: Path | str) -> None:
    """Join the score files of all batches into one; ValueError names a file with other columns."""
    frames = []
    for path in csvs:
        frames.append(read_table(path))
        if list(frames[-1].columns) != SCORES:
            raise ValueError(f"{path}: expected the columns {','.join(SCORES)}; score the batch again")
    write_text(out, _joined(frames, SCORES).to_csv(index=False))


def gather_timings(
    run_records: Iterable[Path | str], model_records: Iterable[Path | str], out: Path | str
) -> None:
    """One row for each phase of each call of a timed run, and one for each training (phase `train`). What a method does once
    a process, before its first call, is a phase too (`setup`).

    run_records: batch.json of run batches (those not called timed_… are passed over); model_records: record.json of
    models. A run or training that failed is a row with its status and no seconds.
    """
    rows = [row for path in map(Path, run_records) for row in _batch_rows(path)]
    rows += [_training_row(path) for path in map(Path, model_records)]
    write_text(out, pd.DataFrame(rows, columns=TIMINGS).to_csv(index=False))


def _joined(frames: list[Frame], columns: list[str]) -> Frame:
    filled = [frame for frame in frames if len(frame)]
    joined = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)
    if "label" in joined:
        joined["label"] = joined["label"].astype("Int64")
    return joined


def _batch_rows(path: Path) -> Iterator[Row]:
    if not path.parent.name.startswith("timed_"):
        return
    for name in read_record(path)["pairs"]:
        yield from _run_rows(read_record(path.parent / f"{name}.json"))


def _run_rows(record: Row) -> Iterator[Row]:
    shared = _shared(record)
    calls = record.get("calls") or []
    if record["status"] != "ok" or not calls:
        yield shared
        return
    if record.get("setup_seconds") is not None:  # a command has none
        yield shared | {"phase": "setup", "cold": True, "seconds": record["setup_seconds"]}
    for call in calls:
        for phase in PHASES:
            if call.get(phase) is not None:
                yield shared | {
                    "phase": phase, "call": call["call"], "cold": call["call"] == 0, "seconds": call[phase],
                }  # fmt: skip


def _training_row(path: Path) -> Row:
    """The identity of a training is its folder's: models/TASK/METHOD/VARIANT/rR."""
    record = read_record(path)
    task, method, variant, repetition = path.parts[-5:-1]
    names = {"task": task, "method": method, "variant": variant, "repetition": repetition.removeprefix("r")}
    environment = record.get("environment") or {}
    told = {"device": environment.get("device"), "threads": environment.get("threads")}
    row = _shared(told | record | names) | {"kind": "training", "phase": "train"}
    return row | ({"seconds": record.get("seconds")} if record["status"] == "ok" else {})


def _shared(record: Row) -> Row:
    environment = record.get("environment") or {}
    libraries = ", ".join(
        f"{name} {version}" for name, version in (environment.get("libraries") or {}).items()
    )
    return {
        **{name: record.get(name) for name in (*RUN, *MEMORY)},
        **{name: environment.get(name) for name in PLACE},
        "libraries": libraries,
        "own_environment": _own(environment.get("own") or {}),
    }


def _own(facts: dict[str, Any]) -> str:
    """What a method has beyond regbench's libraries: its environment, and packages with their versions."""
    packages = facts.get("packages") or []
    return ", ".join([f"{name} {value}" for name, value in facts.items() if name != "packages"] + packages)
