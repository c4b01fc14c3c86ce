"""The paper's claims as a page shows them: what was decided first, then what could not be, by what stood in the way."""

from collections import Counter
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from regbench.scores.metrics import METRICS
from regbench.tables.frames import read_table

Row = dict[str, str]
NUMBERS = ("published", "ours", "low", "high", "p")
SECONDS = {"cpu": "s a pair, CPU", "cuda": "s a pair, GPU"}
OF_TIME = {"ratio": "times as fast", "limit": "s a pair"}
HERE = "here: "  # begins what the numbers would say, in a reason why they may not


@dataclass(frozen=True)
class Group:
    """Claims that one thing kept from a verdict."""

    verdict: str
    reason: str
    rows: list[Row]


@dataclass(frozen=True)
class Part:
    """Claims of one kind: those that hold or do not, and groups of those that cannot be tested."""

    decided: list[Row]
    groups: list[Group]

    @property
    def count(self) -> int:
        return len(self.decided) + sum(len(group.rows) for group in self.groups)


@dataclass(frozen=True)
class Claims:
    """Rows of claims.csv with numbers of four figures: what the paper says, and each value that it prints."""

    statements: Part
    values: Part
    counts: str  # how many there are of each verdict


def read_claims(path: Path) -> Claims | None:
    """The rows of claims.csv; None where there is no such file."""
    if not path.is_file():
        return None
    rows = [_row(row) for row in read_table(path).to_dict("records")]
    verdicts = Counter(row["verdict"] for row in rows)
    told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    values = [row for row in rows if row["check"] == "value"]
    statements = [row for row in rows if row["check"] != "value"]
    return Claims(_part(statements), _part(values), f"{len(rows)} checks: {told}.")


def quantity(row: Row) -> str:
    """What the numbers of a claim are, with their unit: the id of one about a metric or a cell ends with its name."""
    if row["check"] in OF_TIME:
        return OF_TIME[row["check"]]
    name = row["id"].rpartition(".")[2]
    if name not in METRICS:
        return SECONDS.get(name, "")
    unit = "" if METRICS[name].unit == "1" else f" ({METRICS[name].unit})"
    difference = "difference of " if row["check"] in ("difference", "comparable") else ""
    return f"{difference}{METRICS[name].title}{unit}"


def _row(row: Row) -> Row:
    return {**row, **{name: _short(row[name]) for name in NUMBERS}, "quantity": quantity(row)}


def _part(rows: list[Row]) -> Part:
    """A group's reason is what its rows' reasons share: all that stands before HERE, which each row keeps."""
    decided, groups = [], {}
    for row in rows:
        if not row["verdict"].startswith("not testable"):
            decided.append(row)
            continue
        parts = row["reason"].split("; ")
        shared = list(takewhile(lambda part: not part.startswith(HERE), parts))
        key = row["verdict"], "; ".join(shared)
        group = groups.setdefault(key, Group(*key, []))
        group.rows.append({**row, "reason": "; ".join(parts[len(shared) :])})
    return Part(decided, list(groups.values()))


def _short(number: str) -> str:
    try:
        return f"{float(number):.4g}"
    except ValueError:
        return number
