"""Draw all figures of a study and write results/STUDY/figures."""

import logging
from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from regbench.figures.accuracy import draw_accuracy, draw_labels
from regbench.figures.chosen import chosen
from regbench.figures.contours import draw_contours
from regbench.figures.deformation import draw_error, draw_grids, draw_jacobian
from regbench.figures.differences import draw_differences
from regbench.figures.followup import draw_followup
from regbench.figures.lines import read_lines
from regbench.figures.names import Asked
from regbench.figures.pictures import draw_pictures
from regbench.figures.ranks import draw_ranks
from regbench.figures.slices import PairSlices, cut_slices
from regbench.figures.speed import draw_speed
from regbench.figures.style import save, styled, words
from regbench.figures.task import TaskData, Unavailable
from regbench.figures.training import draw_training
from regbench.figures.volumes import Batch
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
OF_CONTRASTS: dict[str, Callable[[PairSlices, bool], Drawn]] = {
    "pictures": draw_pictures,
    "followup": draw_followup,
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
    learned: Collection[str],
) -> None:
    """Write NAME.png and NAME.svg of every figure asked for, and figures.json, which lists them with captions.

    results: the study's own folder, with tables written. runs, trained: as Plan gives them. learned: methods
    that run with a trained model. A figure that the data do not
    give is one line of words that says why, as its caption does; so is one that something unforeseen kept from being drawn:
    its traceback is logged (once for all pictures of a task that it kept), and report and other figures do not wait for it.
    """
    scores, runs, trained = read_table(results / "scores.csv"), list(runs), list(trained)
    artists: dict[str, _Artist] = {}
    failed: dict[Exception, list[str]] = {}
    entries, progress = [], Progress("figures", len(asked), "figure")
    with styled():
        for figure in asked:
            if figure.task not in artists:
                artists[figure.task] = _Artist(study, results, figure.task, scores, runs, trained, learned)
            drawn, caption = _safely(artists[figure.task], figure, failed)
            png, svg = save(drawn, results / "figures" / figure.name)
            entries.append({
                "name": figure.name, "title": figure.title, "caption": caption, "section": figure.section,
                "task": figure.task, "png": png.name, "svg": svg.name,
            })  # fmt: skip
            progress.step(len(entries))
    write_record(results / "figures" / "figures.json", entries)
    for error, names in failed.items():
        log.error("could not be drawn: %s", ", ".join(names), exc_info=error)


class _Artist:
    """Draws the figures of one task; its slices are cut once, when the first picture asks for them."""

    def __init__(
        self, study: Study, results: Path, task: str, scores: Frame, runs: list[Batch], trained: list[Any],
        learned: Collection[str],
    ):  # fmt: skip
        self.study, self.runs = study, runs
        models = [(method, variant, number) for t, method, variant, number in trained if t == task]
        lines = read_lines(results, task)
        here = scores[scores["task"] == task]
        self.data = TaskData(task, study.tasks[task], results, lines, here, models, learned)

    def draw(self, kind: str) -> Drawn:
        if kind in OF_SCORES:
            return OF_SCORES[kind](self.data)
        slices, where = self._slices
        if kind in OF_CONTRASTS:
            figure, caption = OF_CONTRASTS[kind](slices, self.data.settings.modality == "mono")
        else:
            figure, caption = OF_SLICES[kind](slices)
        return figure, f"{where} {caption}"

    @property
    def _slices(self) -> tuple[PairSlices, str]:
        found = self._cut
        if isinstance(found, Exception):
            raise found
        return found

    @cached_property
    def _cut(self) -> tuple[PairSlices, str] | Exception:
        """The slices and the sentence about them, or what kept them from being cut: that is not tried for each picture."""
        data = self.data
        try:
            shown = chosen(self.study, data.results, data.name, data.scores, data.lines, self.runs)
            slices = cut_slices(shown.volumes, data.lines, shown.index, data.name)
        except Exception as error:
            return error
        return slices, data.pair_sentence(shown.choice, shown.rule)


def _safely(artist: _Artist, figure: Asked, failed: dict[Exception, list[str]]) -> Drawn:
    """The figure, or its reason in words: one that cannot be drawn keeps nobody from the others, and is added to `failed`."""
    try:
        return artist.draw(figure.kind)
    except Unavailable as reason:
        log.warning("figure %s is left out: %s", figure.name, reason)
        return words(str(reason)), f"{artist.data.sentence} Left out: {reason}"
    except Exception as error:
        failed.setdefault(error, []).append(figure.name)
        text = f"Could not be drawn: {type(error).__name__}: {error} (logs/figures.log)"
        return words(text), f"{artist.data.sentence} {text}"
