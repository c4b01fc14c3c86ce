"""Forget failed steps of a study, so that the next `snakemake` does them again."""

import csv
from pathlib import Path
from typing import Any

from regbench.records import FAILURES, read_record

PREPARED = ("data/*/*.json", "prepared/*/*.json", "prepared/*/subjects/*.json", "prepared/*/pairs/*.json")
STATUSES = (*FAILURES, "skipped")


def forget(results: Path, wanted: set[str]) -> dict[str, int]:
    """Delete the records in results/STUDY whose status is in `wanted`, and what was skipped for want of them.

    Returns how many steps of each stage will be done again. ValueError for a status that there is not, or a folder that
    holds no study.

    Snakemake passes over a missing file while what was made of it is there; so all that was made of one goes as well, up
    to provenance.json, which is made with scores.csv. Runs and fields that are ok have records of their own, and stay.
    """
    if unknown := sorted(wanted - {*STATUSES}):
        raise ValueError(f"status {', '.join(unknown)}: expected some of {', '.join(STATUSES)}")
    if not (results / "study.json").is_file():
        raise ValueError(f"{results}: no results of a study (no study.json there); give results/STUDY")
    prepared = _failed(results, PREPARED, wanted)
    tasks = {path.parts[-3] for path in prepared if path.match("pairs/train_*") or path.match("pairs/val_*")}
    trained = [path for task in tasks for path in results.glob(f"models/{task}/*/*/r*/record.json")]
    models = {*_failed(results, ("models/*/*/*/r*/record.json",), wanted), *trained}
    runs = _failed(results, ("runs/*/*/*/*/*__*.json",), wanted)
    batches = {path.parent for path in runs}
    scores = {path for path in results.glob("scores/*/*/*/*.csv") if _statuses(path) & wanted}
    for batch in batches:
        score = results / "scores" / batch.relative_to(results / "runs").with_suffix(".csv")
        scores |= {score} if score.is_file() else set()
    choices = _choices(results, {*models, *runs, *scores}, tasks)
    forgotten = {"data and prepared": prepared, "trainings": models, "runs": runs, "scores": scores}
    if choices:
        forgotten["choices of tuning"] = choices
    if any(forgotten.values()):
        others = [path.with_suffix(ending) for path in choices for ending in (".csv", ".options.json")]
        others += [results / "tuning" / "tuning.md"] if choices else []
        for path in [results / "provenance.json", *others, *(batch / "batch.json" for batch in batches)]:
            path.unlink(missing_ok=True)
    for paths in forgotten.values():
        for path in paths:
            path.unlink()
    return {what: len(paths) for what, paths in forgotten.items()}


def _choices(results: Path, steps: set[Path], tasks: set[str]) -> list[Path]:
    """The reports of tuning that were made of `steps`, or of the tasks whose training or validation pairs come anew."""
    of_steps = {tuple(path.relative_to(results).parts[1:3]) for path in steps}
    reports = results.glob("tuning/*/*.json")
    return [
        path
        for path in reports
        if not path.name.endswith(".options.json")
        and ((path.parent.name, path.stem) in of_steps or path.parent.name in tasks)
    ]


def _failed(results: Path, patterns: tuple[str, ...], wanted: set[str]) -> list[Path]:
    """Records, or records of pairs, that have a status in `wanted` or depend on what has."""
    found = []
    for path in (path for pattern in patterns for path in results.glob(pattern)):
        record = read_record(path)
        if any(_is_wanted(each, wanted) for each in [record, *record.get("pairs", [])]):
            found.append(path)
    return found


def _is_wanted(record: dict[str, Any], wanted: set[str]) -> bool:
    status = record.get("status")
    return status in wanted or (status == "skipped" and "upstream: " in record.get("message", ""))


def _statuses(scores: Path) -> set[str]:
    with scores.open(encoding="utf8", newline="") as file:
        return {row["status"] for row in csv.DictReader(file)}
