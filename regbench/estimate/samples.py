"""What stages took on this machine before, read from the records and logs of earlier studies."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from regbench.provenance import environment
from regbench.records import read_record

TOOK = re.compile(r"took ([\d.]+) s$", re.MULTILINE)  # regbench.progress.took
HALF = 0.55  # room of a field of half precision, of that of a whole one; 0.43 to 0.57 in real ones
MOST = 20  # records of one batch that are read: they are much alike


@dataclass(frozen=True)
class Sample:
    """One measurement. `name`: method, or type of dataset; `options`: its settings as text; `voxels` of the task's grid.

    `seconds` and `bytes` are of one unit: a subject (data), a side of a pair (prepared), a step of training (models; the
    bytes of a whole model), a registration (runs), the scoring of one (scores).
    """

    stage: str
    name: str
    options: str
    voxels: int
    seconds: float | None
    bytes: float | None = None
    memory_mb: float | None = None
    threads: int = 1
    device: str = "cpu"
    spot: bool = False  # measured on the spot, in miniature


def text(options: Any) -> str:
    """Settings in a form that can be compared."""
    return json.dumps(options, sort_keys=True, default=str)


def earlier(results: Path) -> list[Sample]:
    """All that the studies in `results` measured on this machine."""
    return [sample for path in sorted(results.glob("*/study.json")) for sample in _of_study(path)]


def _of_study(path: Path) -> Iterator[Sample]:
    study, folder = read_record(path), path.parent
    yield from _runs(study, folder)
    yield from _models(study, folder)
    if _here(folder / "provenance.json"):
        yield from _data(study, folder)
        yield from _prepared(study, folder)
        yield from _scores(study, folder)


def _here(path: Path, record: dict[str, Any] | None = None) -> bool:
    """Whether a record was written on this machine."""
    if record is None:
        record = read_record(path) if path.is_file() else {}
    there, here = record.get("environment") or {}, environment()
    return all(there.get(fact) == here[fact] for fact in ("host", "cpu", "gpu"))


def _runs(study: dict[str, Any], folder: Path) -> Iterator[Sample]:
    half = study.get("fields", {}).get("precision") == "half"
    for batch in sorted(folder.glob("runs/*/*/*/*")):
        task, method, variant, _ = batch.parts[-4:]
        for path in sorted(batch.glob("*__*.json"))[:MOST]:
            record = read_record(path)
            if record["status"] != "ok" or not _here(path, record) or task not in study["tasks"]:
                continue
            field = batch / f"{path.stem}.nii.gz"
            size = field.stat().st_size / (HALF if half else 1) if field.is_file() else None
            yield Sample(
                "runs", method, _options(study, method, variant), _voxels(study, task),
                sum(record["phases"].values()), size, record.get("peak_memory_mb"), record["threads"], record["device"],
            )  # fmt: skip


def _models(study: dict[str, Any], folder: Path) -> Iterator[Sample]:
    for path in sorted(folder.glob("models/*/*/*/r*/record.json")):
        task, method, variant = path.parts[-5:-2]
        record = read_record(path)
        if record["status"] != "ok" or not _here(path, record) or task not in study["tasks"]:
            continue
        size = size_of(path.parent)
        yield Sample(
            "models", method, _options(study, method, variant), _voxels(study, task),
            record["seconds"] / (record["steps"] or 1), size, None, record["threads"], record.get("device", "cpu"),
        )  # fmt: skip


def _data(study: dict[str, Any], folder: Path) -> Iterator[Sample]:
    for name, settings in study["datasets"].items():
        subjects = list(folder.glob(f"data/{name}/*.json"))
        size = size_of(folder / "data" / name) / max(len(subjects), 1)
        for seconds in _took(folder / "logs" / "data" / name):
            yield Sample("data", settings["type"], dataset_options(settings), 1, seconds, size)


def _prepared(study: dict[str, Any], folder: Path) -> Iterator[Sample]:
    for name, task in study["tasks"].items():
        sides = len({task["fixed"], task["moving"]})
        subjects = list(folder.glob(f"prepared/{name}/subjects/*.json"))
        size = size_of(folder / "prepared" / name / "subjects") / max(len(subjects) * sides, 1)
        for seconds in _took(folder / "logs" / "prepared" / name):
            yield Sample("prepared", "", text(task["prepare"]), _voxels(study, name), seconds / sides, size)


def _scores(study: dict[str, Any], folder: Path) -> Iterator[Sample]:
    for path in sorted(folder.glob("logs/scores/*/*/*/*.log")):
        task, method, variant = path.parts[-4:-1]
        batch = folder / "runs" / task / method / variant / path.stem / "batch.json"
        found = TOOK.findall(path.read_text(encoding="utf8"))
        if found and batch.is_file() and task in study["tasks"]:
            pairs = max(len(read_record(batch)["pairs"]), 1)
            yield Sample("scores", "", "", _voxels(study, task), float(found[-1]) / pairs)


def dataset_options(settings: dict[str, Any]) -> str:
    """What the making of one subject depends on: not how many there are."""
    return text({key: value for key, value in settings.items() if key != "subjects"})


def _took(folder: Path) -> list[float]:
    """Seconds that the jobs of a stage say they took."""
    logs = [path.read_text(encoding="utf8") for path in sorted(folder.glob("*.log"))[:MOST]]
    return [float(found[-1]) for found in map(TOOK.findall, logs) if found]


def _options(study: dict[str, Any], method: str, variant: str) -> str:
    """What the study's own variant changed; of one made by tuning, something unlike all others."""
    known = {"default": {}, **study["methods"].get(method, {}).get("variants", {})}
    return text(known.get(variant, {"variant": variant}))


def _voxels(study: dict[str, Any], task: str) -> int:
    return prod(study["tasks"][task]["grid"]["shape"])


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
