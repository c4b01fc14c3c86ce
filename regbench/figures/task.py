"""What all figures of a task are made from, and the sentences that their captions share."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from regbench.figures.choice import Choice
from regbench.figures.lines import Line
from regbench.scores.metrics import METRICS
from regbench.study import TaskSettings
from regbench.tables.frames import Frame
from regbench.tables.tables import PAIRINGS

JUDGING = ("dsc", "error", "tre")  # what methods are compared by, where a task has it
Model = tuple[str, str, int]  # method, variant, repetition


class Unavailable(Exception):
    """A figure that these data do not give; the message says why, in words for a reader."""


@dataclass(frozen=True)
class TaskData:
    """A task's settings, rows of tables, scores and trainings; `results` is the study's own folder."""

    name: str
    settings: TaskSettings
    results: Path
    lines: list[Line]
    scores: Frame  # the task's rows of scores.csv
    models: list[Model]
    learned: Collection[str]  # methods that run with a trained model

    def of(self, line: Line) -> Frame:
        """The scores of one line."""
        return self.scores[(self.scores["method"] == line.method) & (self.scores["variant"] == line.variant)]

    def metrics(self, names: tuple[str, ...]) -> list[str]:
        """Those of the metrics that some run has a value of."""
        there = set(self.scores[self.scores["value"].notna()]["metric"])
        return [name for name in names if name in there]

    @property
    def sentence(self) -> str:
        settings = self.settings
        pairing = PAIRINGS[settings.pairing]
        return f"Task {self.name} ({settings.moving} to {settings.fixed}, {pairing})."

    def pair_sentence(self, choice: Choice, slices: str) -> str:
        """Which pair and slice a picture shows, and by what rule."""
        fixed, moving = choice.pair
        who = f"Subject {fixed}" if fixed == moving else f"Fixed {fixed}, moving {moving}"
        learned = any(line.method in self.learned for line in self.lines)
        seed = " Learned methods: their first training seed." if learned else ""
        return f"{self.sentence} {who}: {choice.rule}; {slices}.{seed}"


def better(metric: str) -> str:
    """`DSC (higher is better)`, for an axis."""
    declared = METRICS[metric]
    unit = "" if declared.unit == "1" else f"{declared.unit}, "
    return f"{declared.title} ({unit}{declared.better} is better)"
