"""A table as it is read, before it has a form: blocks of cells with facts above and notes below."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Literal

Mark = Literal["best", "tied", "ahead"]
SIGNS: dict[Mark | None, str] = {"tied": "=", "ahead": "+"}  # behind the text; the best is bold instead


@dataclass(frozen=True)
class Cell:
    """Text, the unrounded number behind it (NaN where it has none), and how it stands to the best of its column."""

    text: str
    value: float = nan
    mark: Mark | None = None

    @property
    def sign(self) -> str:
        """What stands behind the text for its mark."""
        return SIGNS.get(self.mark, "")


@dataclass
class Block:
    """A rectangle of cells with its title. texts: the columns that hold words, and stand left; numbers stand right."""

    title: str
    header: list[str]
    rows: list[list[Cell]]
    texts: Sequence[int] = (0,)


@dataclass
class Document:
    """Title, facts about its origin, blocks, what the marks in them mean (a marked word, its meaning), notes.

    number: `Table 1`, where the paper numbers it; LaTeX numbers its tables itself.
    """

    title: str
    facts: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    legend: list[tuple[Cell, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    number: str = ""

    @property
    def heading(self) -> str:
        """The title with its number."""
        return f"{self.number}. {self.title}" if self.number else self.title
