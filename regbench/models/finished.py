"""A training that ended well, kept beside its model: finished.json outlives record.json, which Snakemake deletes before a job."""

import contextlib
from pathlib import Path
from typing import Any

from regbench.records import read_record, write_record

NAME = "finished.json"


def finished(folder: Path, key: str) -> dict[str, Any] | None:
    """The record of the training with that key that ended well in `folder`, if its model is there."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        record = read_record(folder / NAME)
        if record["key"] == key and Path(record["model"]).is_file():
            return record
    (folder / NAME).unlink(missing_ok=True)  # before its model is written over
    return None


def keep(folder: Path, record: dict[str, Any]) -> None:
    """Write record.json and, of a training that ended well, finished.json."""
    write_record(folder / "record.json", record)
    if record["status"] == "ok":
        write_record(folder / NAME, record)
