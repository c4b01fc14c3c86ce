"""A batch of runs: one method variant on some pairs of a task, a record for each pair the moment it is finished."""

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Literal

from regbench.geometry.fields import halved, read_field, write_field
from regbench.geometry.images import read_volume
from regbench.methods.discovery import MethodFile
from regbench.problems import StepFailed
from regbench.progress import Progress
from regbench.provenance import environment
from regbench.records import FAILURES, read_record, write_record
from regbench.runs.environments import recorded_environment
from regbench.runs.jobs import SupervisorClient, absolute, command_of, job_of
from regbench.runs.keys import digest, run_key, score_key, seed_of
from regbench.runs.lock import machine_lock
from regbench.runs.supervisor import no_room
from regbench.study import LimitSettings


@dataclass
class _Batch:
    """What all pairs of the batch have in common."""

    method: MethodFile
    options: dict[str, Any]
    folder: Path
    names: dict[str, Any]  # task, method, variant, repetition
    context: dict[str, Any]
    upstream: str  # why no pair can run, or nothing
    settings: dict[str, Any]
    timed: bool
    calls: int
    client: SupervisorClient
    half: bool
    scored_by: str | None
    stops: bool
    log: Path


def run_batch(
    pairs: list[dict[str, Any]],
    method: MethodFile,
    options: dict[str, Any],
    *,
    task: str,
    variant: str,
    repetition: int,
    model_record: dict[str, Any] | None,
    folder: Path,
    threads: int,
    device: str,
    limits: LimitSettings,
    seed: int,
    code_fingerprint: str,
    timed: bool,
    repetitions: int,
    on_failure: Literal["record", "stop"] = "record",
    precision: Literal["full", "half"] = "full",
    scored_by: str | None = None,
    log: Path | None = None,
) -> dict[str, Any]:
    """Run `method` with `options` (the file's with the variant's laid over) on every pair; write folder/batch.json.

    A pair whose record carries the same key is left as it is. With `on_failure` "stop" a failed pair is run again, and
    the first one that fails, once its record is there, ends the batch without folder/batch.json. `device` is "cpu" or
    "cuda"; an accuracy run of a method that cannot use it takes the CPU, a timed one is skipped, as where there is no
    such device. Accuracy runs make one call a pair, in one process; timed runs start a new process for each pair and
    make one cold call, then `repetitions` steady ones, alone on the machine. Variants of a method have the same seeds.
    `precision`: of the fields that are kept. A pair whose field was dropped after scoring is left as it is while its
    scores hold under the settings `scored_by` (None: they do not). What the method prints goes to `log`, behind what is
    in it (folder/output.log, anew). Returns what batch.json holds: {"counts": {status: n}, "pairs": [names]}.

    Raises ValueError when a required option has no value, OSError when a record cannot be written, StepFailed as said;
    nothing else that a method does raises.
    """
    if missing := method.missing(options):
        raise ValueError(f"method {method.name}: no value for {', '.join(missing)}; give it one in the study")
    device = device if timed or device in method.devices else "cpu"
    pairs = [{**pair, "task": task} for pair in pairs]  # as patterns of file names may ask for it
    names = {"task": task, "method": method.name, "variant": variant, "repetition": repetition}
    model = model_record.get("model") if model_record else None
    calls = 1 + repetitions if timed else 1
    seeded_by = {name: value for name, value in names.items() if name != "variant"}
    context = {"threads": threads, "device": device, "seed": seed_of(seed, seeded_by), "model": model}
    settings = {"code": code_fingerprint, "calls": calls, "context": {**context, "model": None}}
    settings |= {} if precision == "full" else {"precision": precision}
    folder.mkdir(parents=True, exist_ok=True)
    if log is None:
        log = folder / "output.log"
        log.unlink(missing_ok=True)
    _remove_parts(folder)  # half-written files of a killed run
    job = job_of(method, options, context, pairs, folder, limits.run_seconds, limits.memory_gb, log)
    upstream = _upstream(method, model_record, device)
    client = SupervisorClient(job)
    batch = _Batch(
        method,
        options,
        folder,
        names,
        context,
        upstream,
        settings,
        timed,
        calls,
        client,
        precision == "half",
        scored_by,
        on_failure == "stop",
        log,
    )
    try:
        records = _run_all(batch, pairs)
    finally:
        client.close()
    summary = {
        "counts": dict(Counter(record["status"] for record in records)),
        "pairs": [p["pair"] for p in pairs],
        # By this Snakemake sees that a batch of the same pairs, ending alike, is another one.
        "digest": digest([[record["key"], record["status"], record["finished"]] for record in records]),
    }
    write_record(folder / "batch.json", summary)
    return summary


def _run_all(batch: _Batch, pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    records = []
    again = FAILURES if batch.stops else ()
    progress = Progress(
        "/".join(batch.names[part] for part in ("task", "method", "variant")), len(pairs), "pair", 0
    )
    for number, pair in enumerate(pairs, 1):
        path = batch.folder / f"{pair['pair']}.json"
        key, skipped = _key(batch, pair)
        record = _finished(path, key, again, batch.scored_by and score_key(pair, batch.scored_by))
        if record is None:
            record = _record(batch, pair, key, {"status": "skipped", "message": skipped} if skipped else None)
            write_record(path, record)
            progress.step(number, _told(record))
            if batch.stops and record["status"] in FAILURES:
                raise StepFailed(f"{progress.what}, pair {record['pair']}", record, batch.log)
        records.append(record)
    return records


def _told(record: dict[str, Any]) -> str:
    if record["status"] != "ok":
        return f"{record['status']}: {record['message']}"
    return f"{sum(record['phases'].values()):.1f} s"


def _upstream(method: MethodFile, model_record: dict[str, Any] | None, device: str) -> str:
    """Why none of the batch's pairs can be run; empty when they can."""
    if device not in method.devices:
        return f"{method.name} does not run on {device}"
    if device == "cuda" and environment()["gpu"] is None:
        return "no CUDA device on this machine"
    if not method.learned:
        return ""
    if model_record is None:
        return "upstream: there is no trained model"
    status = model_record["status"]
    return (
        "" if status == "ok" else f"upstream: training ended as {status}: {model_record.get('message', '')}"
    )


def _key(batch: _Batch, pair: dict[str, Any]) -> tuple[str, str]:
    """The run's key, and why it is to be skipped (empty when it is not)."""
    skipped = batch.upstream
    if not skipped and pair["status"] != "ok":
        skipped = f"upstream: preparation ended as {pair['status']}: {pair.get('message', '')}"
    if not skipped and batch.method.needs_truth and not pair.get("truth"):
        skipped = "the pair has no known displacement"
    if skipped:
        return digest([skipped, batch.settings]), skipped
    try:
        return run_key(pair, batch.method, batch.options, batch.context["model"], batch.settings), ""
    except OSError as error:
        skipped = f"upstream: {error.filename}: {error.strerror}"
        return digest([skipped, batch.settings]), skipped


def _finished(path: Path, key: str, again: Sequence[str], scores: str | None) -> dict[str, Any] | None:
    """The pair's record when it holds; None when the pair is to be run. `scores`: key of scores that hold."""
    try:
        record = read_record(path)
    except (FileNotFoundError, ValueError):
        return None
    lost = record.get("field") and not Path(record["field"]).is_file()
    if dropped := record.get("scores"):
        lost = dropped["key"] != scores
    if record.get("key") == key and record["status"] not in again and not lost:
        return record
    path.unlink()
    return None


def _record(batch: _Batch, pair: dict[str, Any], key: str, event: dict[str, Any] | None) -> dict[str, Any]:
    field = None
    if event is None:
        event, field = _run(batch, pair)
    return {
        "pair": pair["pair"],
        **dict(
            zip(("fixed", "moving"), pair["pair"].split("__"), strict=True)
        ),  # known also where preparation failed
        **batch.names,
        "key": key,
        "status": event["status"],
        "message": event["message"],
        "log_tail": event.get("log_tail", []),
        "field": field,
        "phases": _phases(event.get("calls", []), batch.timed),
        "calls": event.get("calls", []),
        "setup_seconds": event.get("setup_seconds"),
        "wall_seconds": event.get("wall_seconds", 0.0),
        "kind": "python" if batch.method.python else "command",
        "peak_memory_mb": event.get("peak_memory_mb"),
        "peak_device_memory_mb": event.get("peak_device_memory_mb"),
        "threads": batch.context["threads"],
        "device": batch.context["device"],
        "timed": batch.timed,
        "environment": recorded_environment(batch.method),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _run(batch: _Batch, pair: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """One pair under the machine's lock: (the supervisor's event, the field's path where there is one to keep)."""
    part = batch.folder / f".{pair['pair']}.nii.gz"
    final = batch.folder / f"{pair['pair']}.nii.gz"
    final.unlink(missing_ok=True)
    try:
        request = _request(batch, pair, part)
    except ValueError as error:
        return {"status": "error", "message": str(error)}, None
    with machine_lock("exclusive" if batch.timed else "shared"):
        start = time.monotonic()
        event = {**batch.client.run(request), "wall_seconds": time.monotonic() - start}
        if event["status"] == "ok" and (problem := _problem(part, pair, event.get("left", []))):
            event |= {"status": "invalid", "message": problem + no_room(batch.folder)}
        kept = None
        if event["status"] == "ok" and not batch.timed:
            try:
                kept = _kept(part, final, batch.half)
            except OSError as error:  # no room for it
                event |= {"status": "error", "message": str(error)}
    _remove_parts(batch.folder)
    return event, kept


def _kept(part: Path, final: Path, half: bool) -> str:
    if half:
        u, grid = read_field(part)
        write_field(part, halved(u), grid)
    part.replace(final)
    return str(final)


def _remove_parts(folder: Path) -> None:
    """Hidden files, and whatever else a method made of one."""
    for part in [*folder.glob(".*.nii.gz*"), *folder.glob(".*.json*")]:
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        else:
            part.unlink()


def _request(batch: _Batch, pair: dict[str, Any], out: Path) -> dict[str, Any]:
    command = None
    if batch.method.command:
        command = command_of(batch.method, batch.options, batch.context, pair, out)
    seed = seed_of(batch.context["seed"], pair["pair"])
    return {
        "pair": pair["pair"],
        "calls": batch.calls,
        "fresh": batch.timed,
        "request": {"pair": absolute(pair), "out": str(out.resolve()), "calls": batch.calls, "seed": seed},
        "argv": command,
        "out": str(out),
    }


def _problem(field: Path, pair: dict[str, Any], left: list[str]) -> str:
    """What is wrong with the field that a run was to write; empty when nothing is. `left`: what it wrote elsewhere."""
    if field.is_symlink() or (field.exists() and not field.is_file()):  # a pipe could be read for ever
        return "OUT is no file but a link, a folder or the like; write the field itself there"
    if not field.exists():
        left += sorted(beside.name for beside in field.parent.glob(f"{field.name}*"))
        elsewhere = f"; it left {', '.join(left)}" if left else ""
        return f"the method ended well but wrote no field: there is no file OUT ({field.name}){elsewhere}"
    try:
        _, grid = read_field(field)
    except (OSError, ValueError, MemoryError) as error:
        return (str(error) or "the field is too large").replace(str(field), "the field")
    fixed = read_volume(pair["fixed"]["image"]).grid
    if not grid.same_as(fixed):
        return f"the field's grid is not that of the fixed image: {grid.differences(fixed)}"
    return ""


def _phases(calls: list[dict[str, float]], timed: bool) -> dict[str, float]:
    """Seconds of each phase: of the one call, or the median of the steady calls of a timed run."""
    steady = calls[1:] if timed else calls
    return (
        {name: median(call[name] for call in steady) for name in calls[0] if name != "call"} if steady else {}
    )
