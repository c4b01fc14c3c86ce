"""The pair of a task that figures and the report's viewer show, with its volumes and the slices looked at."""

from dataclasses import dataclass
from pathlib import Path

from regbench.figures.choice import Choice, choose_pair, choose_slices
from regbench.figures.lines import Line
from regbench.figures.task import Unavailable
from regbench.figures.volumes import Batch, PairVolumes, find_pair, stored_pairs
from regbench.study import Study
from regbench.tables.frames import Frame


@dataclass(frozen=True)
class Chosen:
    """`index`: the slice shown along each axis of the task's grid; `rule`: why these, in words."""

    choice: Choice
    volumes: PairVolumes
    index: tuple[int, int, int]
    rule: str


def chosen(
    study: Study, results: Path, task: str, scores: Frame, lines: list[Line], runs: list[Batch]
) -> Chosen:
    """What is shown of a task; results: the study's own folder, scores: the task's rows of scores.csv, runs: Plan.runs.

    Raises Unavailable where no pair has both a score and its fields, ValueError or OSError where its files cannot be used.
    """
    controls = {line.method for line in lines if line.control}
    choice = choose_pair(scores, study.figures, controls, stored_pairs(results, task, runs))
    if choice is None:
        raise Unavailable("No pair has both a score and its fields (fields.keep of the study).")
    volumes = find_pair(results, task, choice.name, runs, study.scores)
    labels = volumes.moving_labels if volumes.fixed.labels is None else volumes.fixed.labels
    index, rule = choose_slices(volumes.fixed.brain, labels, study.figures)
    return Chosen(choice, volumes, index, rule)
