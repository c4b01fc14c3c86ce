"""What a reader needs to judge a study and to cite it: settings, where it was measured, references."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from regbench import PIPELINE
from regbench.tables.frames import Frame

Rows = list[tuple[str, str]]
PLACE = ["host", "cpu", "gpu", "driver", "threads", "device", "commit", "clean", "libraries"]


@dataclass(frozen=True)
class Machine:
    """Where timings were measured, and of how many rows that holds."""

    name: str
    facts: Rows
    rows: int


def machines(timings: Frame) -> list[Machine]:
    """The distinct places that rows of timings.csv carry; skipped runs measured nothing and have none."""
    real = timings[(timings["status"] != "skipped") & (timings["host"] != "")]
    found = []
    for values, part in real.groupby(PLACE, dropna=False, sort=False):
        facts = {name: _plain(value) for name, value in zip(PLACE, values, strict=True)}
        name = (
            f"{facts['cpu']}, {facts['host']}"
            if facts["device"] == "cpu"
            else f"{facts['gpu']}, {facts['host']}"
        )
        found.append(Machine(name, [item for item in facts.items() if item[1]], len(part)))
    return found


def provenance(record: dict[str, Any]) -> Rows:
    """provenance.json's environment and code as (name, value); the study has a section of its own.

    Of a merged study it is where it was joined; where each of its studies was measured follows.
    """
    environment = dict(record["environment"])
    libraries = environment.pop("libraries", {})
    rows = [(name, "not known" if value is None else str(value)) for name, value in environment.items()]
    rows.append(
        ("libraries", ", ".join(f"{name} {version}" for name, version in libraries.items() if version))
    )
    rows += [(f"code of {stage}", value) for stage, value in record.get("code", {}).items()]
    for label, source in record.get("merged", {}).items():
        there = source.get("environment") or {}
        rows.append(
            (label, _listed(f"{name} {there[name]}" for name in PLACE[:-1] if there.get(name) is not None))
        )
    return rows


def settings(study: dict[str, Any]) -> str:
    """The study as YAML, as a study file reads."""
    return yaml.safe_dump(json.loads(json.dumps(study)), sort_keys=False, allow_unicode=True, width=100)


def citations(path: Path = PIPELINE / "CITATION.cff") -> list[str]:
    """How to cite regbench, then what it refers to: a line each."""
    cited = yaml.safe_load(path.read_text(encoding="utf8"))
    return [_cited(entry) for entry in (cited, *cited.get("references", []))]


def _cited(entry: dict[str, Any]) -> str:
    """Authors. Title. Where, year; of software its version, licence and address, whichever are known."""
    people = ", ".join(_person(author) for author in entry["authors"])
    version = f"version {entry['version']}" if "version" in entry else None
    where = [entry.get(key) for key in ("collection-title", "journal", "year")]
    known = [
        version,
        *where,
        entry.get("license"),
        entry.get("doi"),
        entry.get("repository-code"),
        entry.get("url"),
    ]
    return f"{people}. {entry['title']}. {_listed(known)}."


def _person(author: dict[str, str]) -> str:
    return author.get("name") or f"{author['family-names']} {author['given-names']}"


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values if value is not None)


def _plain(value: Any) -> str:
    return (
        f"{value:g}" if isinstance(value, float) and value == value else "" if value != value else str(value)
    )
