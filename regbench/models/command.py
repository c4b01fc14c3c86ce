"""Train a method that is a command: its `train` template writes one file, the model that its runs are given."""

import csv
import io
from pathlib import Path
from typing import Any

from regbench.methods.discovery import MethodFile
from regbench.models.finished import finished, keep
from regbench.records import write_record, write_text
from regbench.runs.environments import facts_of, recorded_environment, start_of
from regbench.runs.jobs import SupervisorClient, absolute, filled, folders_of, job_of
from regbench.runs.keys import digest, file_hash, own_files
from regbench.runs.lock import machine_lock
from regbench.study import LimitSettings


def train_by_command(
    method: MethodFile,
    options: dict[str, Any],
    train_pairs: list[dict[str, Any]],
    val_pairs: list[dict[str, Any]],
    *,
    folder: Path,
    seed: int,
    threads: int,
    device: str,
    limits: LimitSettings,
    log: Path | None = None,
) -> dict[str, Any]:
    """Run the method's `train` command; write pairs.csv, validation.csv, model.bin and record.json into `folder`.

    The pairs are records of the stage `prepared`; those that failed there are left out. A model is there whole or not at
    all, and one of an earlier training goes first, unless that was the same one: it is not done again. Failure is data, as in `train_model`, whose kind of record is written
    and returned: exit codes, limits of time and memory, a command that writes no model.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    train, val = ([pair for pair in pairs if pair["status"] == "ok"] for pairs in (train_pairs, val_pairs))
    key = _key(method, options, train, val, [seed, threads, device])
    if done := finished(folder, key):
        write_record(folder / "record.json", done)
        return done
    model, part = folder / "model.bin", folder / ".model.bin"
    for old in (model, part):
        old.unlink(missing_ok=True)
    files = {"PAIRS": folder / "pairs.csv", "VALIDATION": folder / "validation.csv", "MODEL": part}
    for name, pairs in (("PAIRS", train), ("VALIDATION", val)):
        write_text(files[name], _table(pairs))
    context = {"threads": threads, "device": device, "seed": seed, "model": None}
    event: dict[str, Any]
    if train:
        read = folders_of(method, options, context, [*train, *val])
        argv = [
            *start_of(method, device, read, [folder]),
            *filled(method, method.train or "", options, context, files),
        ]
        job = job_of(
            method, options, context, [*train, *val], folder, limits.train_seconds, limits.memory_gb, log
        )
        event = _run(job, argv, part)
    else:
        event = {"status": "skipped", "message": "skipped: upstream: no training pair was prepared"}
    if event["status"] == "ok" and not part.is_file():
        event |= {
            "status": "invalid",
            "message": "the command ended well but wrote no model (one file, MODEL)",
        }
    if event["status"] == "ok":
        part.replace(model)
    part.unlink(missing_ok=True)
    record = {
        **{name: event.get(name) for name in ("status", "message", "peak_memory_mb", "waited_seconds")},
        "log_tail": event.get("log_tail", []),
        "model": str(model) if event["status"] == "ok" else None,
        "curve": None,
        "seconds": sum(call["total"] for call in event.get("calls", [])),
        "steps": None,
        "seed": seed,
        "threads": threads,
        "device": device,
        "key": key,
        "environment": recorded_environment(method),
    }
    keep(folder, record)
    return record


def _key(
    method: MethodFile, options: dict[str, Any], train: list[dict], val: list[dict], others: list[Any]
) -> str:
    """Hash of all that a training depends on: contents of the images, masks and the method's own files, settings."""
    sides = [pair[side] for pair in [*train, *val] for side in ("fixed", "moving")]
    files = [side[kind] for side in sides for kind in ("image", "mask") if side.get(kind)]
    files += own_files(method, options, {})
    names = [[pair["pair"] for pair in pairs] for pairs in (train, val)]
    return digest([method.train, facts_of(method), options, names, [*map(file_hash, files)], others])


def _run(job: dict[str, Any], argv: list[str], out: Path) -> dict[str, Any]:
    """The supervisor's event of one training; waiting for the machine does not count."""
    client = SupervisorClient(job)
    request = {"pair": "training", "calls": 1, "fresh": False, "request": {}, "argv": argv, "out": str(out)}
    try:
        with machine_lock("shared") as waited:
            return {**client.run(request), "waited_seconds": waited}
    finally:
        client.close()


def _table(pairs: list[dict[str, Any]]) -> str:
    """A line for each pair, with absolute paths; no mask is an empty cell."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["pair", "fixed", "moving", "fixed_mask", "moving_mask"])
    for pair in map(absolute, pairs):
        fixed, moving = pair["fixed"], pair["moving"]
        lines.writerow([pair["pair"], fixed["image"], moving["image"], fixed.get("mask"), moving.get("mask")])
    return text.getvalue()
