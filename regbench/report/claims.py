"""The paper's claims as a page shows them: statements first, then printed values one by one."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from regbench.tables.frames import read_table

Row = dict[str, str]
NUMBERS = ("published", "ours", "low", "high", "p")


@dataclass(frozen=True)
class Claims:
    """Rows of claims.csv with numbers of four figures: what the paper says, and each value that it prints."""

    statements: list[Row]
    values: list[Row]

    @property
    def counts(self) -> str:
        """How many there are of each verdict."""
        verdicts = Counter(row["verdict"] for row in (*self.statements, *self.values))
        told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        return f"{verdicts.total()} checks: {told}."


def read_claims(path: Path) -> Claims | None:
    """The rows of claims.csv; None where there is no such file."""
    if not path.is_file():
        return None
    rows = [
        {**row, **{name: _short(row[name]) for name in NUMBERS}}
        for row in read_table(path).to_dict("records")
    ]
    values = [row for row in rows if row["check"] == "value"]
    return Claims([row for row in rows if row not in values], values)


def _short(number: str) -> str:
    try:
        return f"{float(number):.4g}"
    except ValueError:
        return number
