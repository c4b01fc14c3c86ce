"""What a study has measured on one task, as the checks of claims ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from regbench.tables.frames import Frame
from regbench.tables.speed import Row, speed
from regbench.tables.summary import PAIR, Line, Method, pair_values
from regbench.tables.times import times
from regbench.tables.trainings import training_of

FIRST = (
    "tuned",
    "default",
)  # the paper "tried various parameters and finally selected the one with the best" effect


@dataclass(frozen=True)
class Evidence:
    """One task. `kind`: its dataset's type; `spacing` of its grid in mm; scores, timings, lines: of this task only.

    A method speaks through its variant `tuned`, else `default`, else its first; what it is compared with, through all.
    """

    task: str
    dataset: str
    kind: str
    spacing: tuple[float, float, float]
    scores: Frame
    timings: Frame
    lines: list[Line]
    methods: Mapping[str, Method]
    samples: int

    def line(self, method: str) -> Line | None:
        """The row that speaks for a method, or None where it did not take part."""
        return next(iter(self.variants(method)), None)

    def variants(self, method: str) -> list[Line]:
        """All rows of a method, the one that speaks for it first."""
        found = {line.variant: line for line in self.lines if line.method == method}
        return [found[name] for name in dict.fromkeys((*FIRST, *found)) if name in found]

    def learned(self, method: str) -> bool:
        return method in self.methods and self.methods[method].learned

    def values(self, line: Line) -> Frame:
        """Metric values by pair."""
        return pair_values(self._rows(line))

    def failed(self, line: Line) -> tuple[int, int]:
        """Runs without scores, and all runs."""
        return sum(line.failures.values()), len(self._rows(line).drop_duplicates([*PAIR, "repetition"]))

    def pairs(self, line: Line) -> int:
        """Pairs that it was run on, whatever became of them."""
        return len(self._rows(line).drop_duplicates(PAIR))

    def times(self, line: Line, device: str) -> list[Row]:
        """Steady seconds by machine, as tables/times.csv has them."""
        return [row for row in self._times if _of(row, line) and row["device"] == device and row["calls"]]

    def ratios(self, line: Line, against: Line, device: str) -> list[Row]:
        """How many times faster by machine, as tables/speed.csv has it."""
        found = [row for row in self._speed if _of(row, line) and row["device"] == device]
        names = (against.method, against.variant)
        return [row for row in found if (row["against"], row["against_variant"]) == names]

    def trained(self, line: Line) -> bool:
        """Whether its model was trained on this task."""
        owner = self.methods[line.method].model_of if line.method in self.methods else None
        return training_of(self.timings, line.method, line.variant, owner, "") is not None

    def _rows(self, line: Line) -> Frame:
        return self.scores[(self.scores["method"] == line.method) & (self.scores["variant"] == line.variant)]

    @cached_property
    def _times(self) -> list[Row]:
        rows = times(self.task, self.lines, self.timings, self.methods, self.samples)
        return [row for row in rows if row["machine"]]

    @cached_property
    def _speed(self) -> list[Row]:
        return speed(self.task, self.lines, self.timings, self.methods, self.samples)


def _of(row: Row, line: Line) -> bool:
    return (row["method"], row["variant"]) == (line.method, line.variant)
