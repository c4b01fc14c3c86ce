"""The rows that tables have, as figures draw them: the same labels in the same order, each with its colour."""

from dataclasses import dataclass
from pathlib import Path

from regbench.figures.colours import method_colours
from regbench.tables.frames import read_table

Key = tuple[str, str]


@dataclass(frozen=True)
class Line:
    """A method variant of a task."""

    method: str
    variant: str
    label: str
    control: bool
    colour: str

    @property
    def key(self) -> Key:
        return self.method, self.variant


def read_lines(results: Path, task: str) -> list[Line]:
    """The lines of a task's table, from tables/speed_accuracy.csv; `results` is the study's own folder.

    Raises FileNotFoundError when tables have not been written.
    """
    table = read_table(results / "tables" / "speed_accuracy.csv")
    colours = method_colours(table["method"])
    rows = table[table["task"] == task].drop_duplicates(["method", "variant"])
    return [
        Line(row["method"], row["variant"], row["row"], row["control"] == "True", colours[row["method"]])
        for _, row in rows.iterrows()
    ]
