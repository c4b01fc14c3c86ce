"""What two studies do not have in common, key by key: settings, code, libraries, inputs, choices of tuning.

What only one of them has (a task, a method, a variant, a subject) is no difference: the merged study has it all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import numpy as np

from regbench.merge.sources import Source
from regbench.records import read_record

# They change no number, or one that carries its own place: a time its machine and threads, a failure its status.
HARMLESS = (
    "device", "threads", "train_processes", "on_bad_data", "on_failure", "batches", "timing.*", "tasks.*.pairs.timed",
    "fields.keep", "scores.bootstrap", "figures.*",
)  # fmt: skip
UNCOMPARED = (
    "study",
    "description",
    "method_folders",
    "tasks.*.methods",
    "methods.*",
)  # methods: by what was run
NUMBERLESS = ("pandas", "snakemake")  # libraries that no score depends on
STAGES = ("data", "prepared", "models", "runs", "scores")
CORNER_MM = 100.0  # about where the brain ends
MOVED_MM, DARKENED = (
    0.1,
    1e-3,
)  # how far two preparations of one scan may lie apart: affine, and share of the intensity range


@dataclass(frozen=True)
class Difference:
    """`key` has another value in each of two studies; the file that says so is the same one in both."""

    key: str
    first: Any
    second: Any
    file: str
    matters: bool = True

    def told(self, a: Source, b: Source) -> str:
        """Both values with the files they are from."""
        return (
            f"{_short(self.first)} in {a.folder / self.file}, {_short(self.second)} in {b.folder / self.file}"
        )


def differences(a: Source, b: Source) -> list[Difference]:
    """Everything that differs between two studies, scores apart."""
    found = [*_settings(a, b), *_methods(a, b), *_code(a, b), *_libraries(a, b)]
    return [*found, *_inputs(a, b), *_prepared(a, b), *_aligned(a, b), *_chosen(a, b)]


def _settings(a: Source, b: Source) -> Iterator[Difference]:
    first, second = (_flat(_in_common(source, other)) for source, other in ((a, b), (b, a)))
    limited = any(source.scores["status"].isin(["timeout", "oom"]).any() for source in (a, b))
    for key in sorted(first.keys() | second.keys()):
        x, y = first.get(key), second.get(key)
        if x == y or _among(key, UNCOMPARED):
            continue
        # Where files lie is each machine's own; their contents are compared.
        place = key.startswith("datasets.") and all(
            isinstance(value, str) and "/" in value for value in (x, y)
        )
        harmless = _among(key, HARMLESS) or place or (key.startswith("limits.") and not limited)
        yield Difference(key, x, y, "study.json", not harmless)


def _in_common(source: Source, other: Source) -> dict[str, Any]:
    """A study as plain values, without the tasks and datasets that the other one has not."""
    study = source.study.model_dump(mode="json")
    for part, theirs in (("tasks", other.study.tasks), ("datasets", other.study.datasets)):
        study[part] = {name: value for name, value in study[part].items() if name in theirs}
    return study


def _methods(a: Source, b: Source) -> Iterator[Difference]:
    """Of methods that both ran: the options of variants that both ran, and what the method files say."""
    rows = [set(zip(source.scores["method"], source.scores["variant"], strict=True)) for source in (a, b)]
    for method, variant in sorted(rows[0] & rows[1]):
        options = [_flat(source.study.method(method).variants.get(variant, {})) for source in (a, b)]
        for key in sorted(options[0].keys() | options[1].keys()):
            x, y = (each.get(key) for each in options)
            if x != y:
                yield Difference(f"methods.{method}.variants.{variant}.{key}", x, y, "study.json")
    declared = [source.provenance.get("methods") or {} for source in (a, b)]
    for method in sorted({method for method, _ in rows[0] & rows[1]}):
        facts = [each.get(method) for each in declared]
        for name in ("options", "runs", "files", *([] if _same_commit(a, b) else ["code"])):
            x, y = (each and each.get(name) for each in facts)
            if x != y:
                yield Difference(f"methods.{method}.{name}", x, y, "provenance.json")


def _code(a: Source, b: Source) -> Iterator[Difference]:
    if not _same_commit(a, b):
        for stage in STAGES:
            x, y = ((source.provenance.get("code") or {}).get(stage) for source in (a, b))
            if x != y:
                yield Difference(f"code.{stage}", x, y, "provenance.json")


def _same_commit(a: Source, b: Source) -> bool:
    """Whether both ran one commit without changes: fingerprints of code, alas, depend on Python's version too."""
    places = [(source.environment.get("commit"), source.environment.get("clean")) for source in (a, b)]
    return places[0] == places[1] and bool(places[0][0]) and places[0][1] is True


def _libraries(a: Source, b: Source) -> Iterator[Difference]:
    first, second = (source.environment.get("libraries") or {} for source in (a, b))
    for name in sorted(first.keys() & second.keys() - {*NUMBERLESS}):
        x, y = first[name], second[name]
        if x and y and x.partition("+")[0] != y.partition("+")[0]:  # torch+cpu is torch+cu130
            yield Difference(f"libraries.{name}", x, y, "provenance.json")


def _inputs(a: Source, b: Source) -> Iterator[Difference]:
    for dataset in sorted(a.study.datasets.keys() & b.study.datasets.keys()):
        first, second = (source.records(f"data/{dataset}/*.json") for source in (a, b))
        if not first or not second:
            yield Difference(
                f"inputs.{dataset}", _count(first), _count(second), f"data/{dataset}/SUBJECT.json"
            )
        for file in sorted(first.keys() & second.keys()):
            x, y = read_record(first[file]), read_record(second[file])
            for name in ("status", "split", "group", "contents"):
                if x.get(name) != y.get(name) or name not in x:
                    key = f"inputs.{dataset}.{x['subject']}.{name}"
                    yield Difference(key, x.get(name), y.get(name), file)


def _prepared(a: Source, b: Source) -> Iterator[Difference]:
    for task in sorted(a.study.tasks.keys() & b.study.tasks.keys()):
        first, second = (source.records(f"prepared/{task}/subjects/*.json") for source in (a, b))
        for file in sorted(first.keys() & second.keys()):
            x, y = (read_record(records[file]).get("sides") or {} for records in (first, second))
            for contrast in sorted(x.keys() & y.keys()):
                subject = x[contrast]["subject"]
                for name, values in _apart(x[contrast], y[contrast]):
                    yield Difference(f"prepared.{task}.{subject}.{contrast}.{name}", *values, file)


def _aligned(a: Source, b: Source) -> Iterator[Difference]:
    """Affines of pairs that were aligned one by one, whose subjects' own records hold none."""
    for task in sorted(a.study.tasks.keys() & b.study.tasks.keys()):
        if a.study.tasks[task].prepare.affine.mode != "pairwise":
            continue
        first, second = (_moving_sides(source, task) for source in (a, b))
        for pair in sorted(first.keys() & second.keys()):
            (file, x), (other, y) = first[pair], second[pair]
            for name, values in _apart(x, y):
                if name == "to_original":  # the normalisation is the subject's, and compared there
                    place = file if file == other else f"prepared/{task}/pairs"  # batches may differ
                    yield Difference(f"prepared.{task}.{pair}.moving.{name}", *values, place)


def _moving_sides(source: Source, task: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """By pair, the file and the moving side of those that could be prepared."""
    return {
        pair["pair"]: (file, pair["moving"])
        for file, path in source.records(f"prepared/{task}/pairs/*.json").items()
        for pair in read_record(path)["pairs"]
        if pair["moving"]
    }


def _apart(x: dict[str, Any], y: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What of two preparations of one scan is further apart than rounding explains."""
    corners = CORNER_MM * np.array([(i, j, k) for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    change = np.array(x["to_original"]) - np.array(y["to_original"])
    if np.linalg.norm(corners @ change[:3, :3].T + change[:3, 3], axis=1).max() > MOVED_MM:
        yield "to_original", (x["to_original"], y["to_original"])
    low, high = (np.array([side["normalisation"][end] for side in (x, y)]) for end in ("low", "high"))
    if max(np.ptp(low), np.ptp(high)) > DARKENED * abs(high - low).max():
        yield "normalisation", (x["normalisation"], y["normalisation"])


def _chosen(a: Source, b: Source) -> Iterator[Difference]:
    """What tuning chose on each: rows `tuned` of one table are of one setting."""
    first, second = (source.records("tuning/*/*.options.json") for source in (a, b))
    for file in sorted(first.keys() & second.keys()):
        x, y = (read_record(records[file])["options"] for records in (first, second))
        if x != y:
            key = file.removesuffix(".options.json").replace("/", ".")
            yield Difference(key, x, y, file)


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys; lists are values."""
    if not isinstance(value, dict):
        return {key: value}
    parts = [_flat(part, f"{key}.{name}".lstrip(".")) for name, part in value.items()]
    return {name: part for each in parts for name, part in each.items()}


def _among(key: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(key, pattern) for pattern in patterns)


def _count(records: dict[str, Any]) -> str:
    return f"{len(records)} records"


def _short(value: Any) -> str:
    text = "nothing" if value is None else re.sub(r"\s+", " ", str(value))
    return text if len(text) <= 80 else f"{text[:77]}..."
