"""Draw all figures of a study and write results/STUDY/figures."""

import logging
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from regbench.figures.accuracy import draw_accuracy, draw_labels
from regbench.figures.choice import choose_pair, choose_slices
from regbench.figures.contours import draw_contours
from regbench.figures.deformation import draw_error, draw_grids, draw_jacobian
from regbench.figures.differences import draw_differences
from regbench.figures.lines import read_lines
from regbench.figures.names import Asked
from regbench.figures.pictures import draw_pictures
from regbench.figures.ranks import draw_ranks
from regbench.figures.slices import PairSlices, cut_slices
from regbench.figures.speed import draw_speed
from regbench.figures.style import save, styled, words
from regbench.figures.task import TaskData, Unavailable
from regbench.figures.training import draw_training
from regbench.figures.volumes import Batch, find_pair, stored_pairs
from regbench.progress import Progress
from regbench.records import write_record
from regbench.study import Study
from regbench.tables.frames import Frame, read_table

log = logging.getLogger(__name__)
Drawn = tuple[Figure, str]
OF_SLICES: dict[str, Callable[[PairSlices], Drawn]] = {
    "contours": draw_contours,
    "differences": draw_differences,
    "grids": draw_grids,
    "jacobian": draw_jacobian,
    "error": draw_error,
}
OF_SCORES: dict[str, Callable[[TaskData], Drawn]] = {
    "accuracy": draw_accuracy,
    "labels": draw_labels,
    "ranks": draw_ranks,
    "speed": draw_speed,
    "training": draw_training,
}


def write_figures(
    study: Study,
    results: Path,
    asked: list[Asked],
    runs: Iterable[Batch],
    trained: Iterable[tuple[str, str, str, int]],
) -> None:
    """Write NAME.png and NAME.svg of every figure asked for, and figures.json, which lists them with captions.

    results: the study's own folder, with tables written. runs, trained: as Plan gives them. A figure that the data do not
    give is one line of words that says why, as its caption does.
    """
    scores, runs, trained = read_table(results / "scores.csv"), list(runs), list(trained)
    artists: dict[str, _Artist] = {}
    entries, progress = [], Progress("figures", len(asked), "figure")
    with styled():
        for figure in asked:
            if figure.task not in artists:
                artists[figure.task] = _Artist(study, results, figure.task, scores, runs, trained)
            drawn, caption = _safely(artists[figure.task], figure)
            png, svg = save(drawn, results / "figures" / figure.name)
            entries.append({
                "name": figure.name, "title": figure.title, "caption": caption, "section": figure.section,
                "task": figure.task, "png": png.name, "svg": svg.name,
            })  # fmt: skip
            progress.step(len(entries))
    write_record(results / "figures" / "figures.json", entries)


class _Artist:
    """Draws the figures of one task; its slices are cut once, when the first picture asks for them."""

    def __init__(
        self, study: Study, results: Path, task: str, scores: Frame, runs: list[Batch], trained: list[Any]
    ):
        self.study, self.runs = study, runs
        models = [(method, variant, number) for t, method, variant, number in trained if t == task]
        lines = read_lines(results, task)
        self.data = TaskData(task, study.tasks[task], results, lines, scores[scores["task"] == task], models)

    def draw(self, kind: str) -> Drawn:
        if kind in OF_SCORES:
            return OF_SCORES[kind](self.data)
        slices, where = self._slices
        if kind == "pictures":
            figure, caption = draw_pictures(slices, self.data.settings.modality == "mono")
        else:
            figure, caption = OF_SLICES[kind](slices)
        return figure, f"{where} {caption}"

    @cached_property
    def _slices(self) -> tuple[PairSlices, str]:
        data, settings = self.data, self.study.figures
        controls = {line.method for line in data.lines if line.control}
        stored = stored_pairs(data.results, data.name, self.runs)
        choice = choose_pair(data.scores, settings, controls, stored)
        if choice is None:
            raise Unavailable("No pair has both a score and its fields (fields.keep of the study).")
        volumes = find_pair(data.results, data.name, choice.name, self.runs, self.study.scores)
        index, rule = choose_slices(volumes.fixed.brain, volumes.fixed.labels, settings)
        return cut_slices(volumes, data.lines, index, data.name), data.pair_sentence(choice, rule)


def _safely(artist: _Artist, figure: Asked) -> Drawn:
    """The figure, or its reason in words: one that cannot be drawn keeps nobody from the others."""
    try:
        return artist.draw(figure.kind)
    except Unavailable as reason:
        log.warning("figure %s is left out: %s", figure.name, reason)
        return words(str(reason)), f"{artist.data.sentence} Left out: {reason}"
    except Exception as error:
        log.exception("figure %s could not be drawn", figure.name)
        text = f"Could not be drawn: {type(error).__name__}: {error} (logs/figures.log)"
        return words(text), f"{artist.data.sentence} {text}"
