"""Steps of a study that failed, with their last log lines: from the records that runs, trainings and preparation left."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from regbench.records import read_record

LEFT_OUT = "steps left out"
MOST_GROUPS = 60
MOST_LINES = 40  # of a log, from its end


@dataclass
class Failure:
    """Steps that ended alike: `places` are the pairs, or the one model or subject; the log is the first one's."""

    step: str
    status: str
    message: str
    log: list[str]
    record: str
    places: list[str] = field(default_factory=list)


def find_failures(results: Path) -> list[Failure]:
    """All steps whose record is not `ok`, alike ones together; what was skipped for want of others comes last.

    results: the study's own folder.
    """
    found: dict[tuple[str, str, str], Failure] = {}
    folders = [results, *sorted(results.glob("from/*"))]  # of a merged study, the studies that it was made of
    for step, place, path, record in chain.from_iterable(map(_records, folders)):
        if record.get("status", "ok") != "ok":
            status, message = record["status"], record.get("message") or ""
            if status == "skipped":  # for one reason, many steps at once
                step, place = LEFT_OUT, f"{place}, {step}"
            log = [str(line) for line in record.get("log_tail") or []][-MOST_LINES:]
            new = Failure(step, status, message, log, str(path.relative_to(results)))
            found.setdefault((step, status, message), new).places.append(place)
    return sorted(found.values(), key=lambda failure: failure.status == "skipped")


def _records(results: Path) -> Iterator[tuple[str, str, Path, dict[str, Any]]]:
    """(step, place, file, record) in the order of the stages."""
    for path in sorted(results.glob("data/*/*.json")):
        yield f"data of {path.parent.name}", path.stem, path, read_record(path)
    for path in sorted(results.glob("prepared/*/subjects/*.json")):
        yield f"preparation, task {path.parts[-3]}", path.stem, path, read_record(path)
    for path in sorted(results.glob("prepared/*/pairs/*.json")):
        for pair in read_record(path)["pairs"]:
            yield f"preparation of pairs, task {path.parts[-3]}", pair["pair"], path, pair
    for path in sorted(results.glob("models/*/*/*/*/record.json")):
        yield _step("training", path.parts[-5:-2]), path.parts[-2], path, read_record(path)
    for path in sorted(results.glob("runs/*/*/*/*/batch.json")):
        for pair, file in _of_batch(path):
            timed = "timed run" if path.parent.name.startswith("timed_") else "run"
            yield _step(timed, path.parts[-5:-2]), f"{pair} ({path.parent.name})", file, read_record(file)


def _of_batch(path: Path) -> Iterable[tuple[str, Path]]:
    files = ((name, path.parent / f"{name}.json") for name in read_record(path)["pairs"])
    return [(name, file) for name, file in files if file.is_file()]


def _step(what: str, names: tuple[str, ...]) -> str:
    return f"{what} of {'/'.join(names[1:])}, task {names[0]}"
