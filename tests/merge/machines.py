"""Made-up studies as two machines leave them, for tests of joining."""

from pathlib import Path
from typing import Any

import numpy as np

from regbench.records import write_record
from regbench.study import Study, parse_study
from tests.tables.example import SUBJECTS, score_rows, study, timing_row, write_results

METHODS = {"syn": 0.6, "dmi": 0.65, "identity": 0.5}
LIBRARIES = {"torch": "2.13.0+cpu", "numpy": "2.3.5", "pandas": "3.0.6"}


def settings(**changes: Any) -> Study:
    """The made-up study with some keys changed, dotted ones deep inside; methods by the files that are really there."""
    raw = study(tables=(1,)).model_dump(mode="json") | {"method_folders": ["elsewhere/workflow/methods"]}
    for key, value in changes.items():
        *path, last = key.split("__")
        inside = raw
        for name in path:
            inside = inside.setdefault(name, {})
        inside[last] = value
    return parse_study(raw, "test")


def machine(
    folder: Path,
    host: str = "box",
    methods: tuple[str, ...] = ("identity", "syn"),
    *,
    made: Study | None = None,
    scores: list[dict] | None = None,
    timings: list[dict] | None = None,
    environment: dict[str, Any] | None = None,
    provenance: dict[str, Any] | None = None,
) -> Path:
    """FOLDER/tiny as a machine called `host` leaves it: scores, a call of syn or dmi, records of inputs."""
    results = folder / "tiny"
    rows = [row for name in methods for row in score_rows("mono", name, METHODS[name])]
    timed = [timing_row("mono", name, 8.0, host=host, cpu=f"CPU of {host}") for name in methods[1:]]
    write_results(results, rows if scores is None else scores, timed if timings is None else timings)
    place = {"host": host, "cpu": f"CPU of {host}", "commit": "abc", "clean": True, "libraries": LIBRARIES}
    facts = {"environment": place | (environment or {}), "code": {"scores": "1"}, "methods": {}}
    write_record(results / "provenance.json", facts | (provenance or {}))
    write_record(results / "study.json", (made or settings()).model_dump(mode="json"))
    for name in SUBJECTS:
        write_subject(results, name)
    return results


def write_subject(
    results: Path, name: str, contents: str = "c", shift_mm: float = 0.0, high: float = 900.0
) -> None:
    """A subject's record of stage data, and of its preparation `shift_mm` away."""
    head = {"subject": name, "split": "test", "group": name, "status": "ok"}
    write_record(results / "data" / "d" / f"{name}.json", head | {"contents": f"{contents}{name}"})
    side = _side(name, shift_mm, high)
    write_record(results / "prepared" / "mono" / "subjects" / f"{name}.json", {"sides": {"T1w": side}})


def write_pair(results: Path, fixed: str, moving: str, batch: str, shift_mm: float = 0.0) -> None:
    """A batch's record of one pair whose moving scan was aligned to the fixed one, and of one that failed."""
    sides = {"fixed": _side(fixed), "moving": _side(moving, shift_mm)}
    failed = {"pair": f"{moving}__{fixed}", "fixed": None, "moving": None}
    pairs = [{"pair": f"{fixed}__{moving}", **sides}, failed]
    write_record(results / "prepared" / "mono" / "pairs" / f"{batch}.json", {"pairs": pairs})


def _side(subject: str, shift_mm: float = 0.0, high: float = 900.0) -> dict[str, Any]:
    matrix = np.eye(4)
    matrix[0, 3] = shift_mm
    return {"subject": subject, "to_original": matrix, "normalisation": {"low": 0.0, "high": high}}
