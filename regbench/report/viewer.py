"""The image viewer of a page: for each task the pair that the figures show, as text that the page's script reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from regbench.figures.choice import Choice
from regbench.figures.chosen import chosen
from regbench.figures.lines import read_lines
from regbench.figures.task import Unavailable
from regbench.figures.volumes import Batch
from regbench.report.blobs import Blob
from regbench.report.layers import View, view
from regbench.study import Study
from regbench.tables.frames import Frame


@dataclass(frozen=True)
class Viewer:
    """`views`: a task each; `missing`: why a task has none."""

    views: list[View]
    missing: list[str]

    @property
    def head(self) -> list[dict]:
        """Everything but the arrays, fit for JSON; each layer's arrays are named by task, layer and role."""
        return [_head(number, each) for number, each in enumerate(self.views)]

    @property
    def blobs(self) -> dict[str, Blob]:
        return {
            _name(number, at, role): packed
            for number, each in enumerate(self.views)
            for at, layer in enumerate(each.layers)
            for role, packed in layer.blobs.items()
        }


def make_viewer(study: Study, results: Path, scores: Frame, runs: Iterable[Batch], room: int) -> Viewer:
    """The viewer in at most `room` bytes, shared alike by the tasks. runs: Plan.runs, none of a merged study."""
    views, missing, runs = [], [], list(runs)
    if not runs:
        return Viewer(
            [], ["The runs are in the studies that were merged; each one's own report shows its images."]
        )
    for left, task in zip(range(len(study.tasks), 0, -1), study.tasks, strict=True):
        try:
            views.append(_view(study, results, scores[scores["task"] == task], runs, task, room // left))
        except (Unavailable, ValueError, OSError) as error:  # a page without pictures is better than none
            missing.append(f"Task {task}: {_why(error)}")
        else:
            room -= views[-1].size
    return Viewer(views, missing)


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"there is no {error.filename}, so there is nothing to show."
    return str(error)


def _view(study: Study, results: Path, scores: Frame, runs: list[Batch], task: str, room: int) -> View:
    lines = read_lines(results, task)
    shown = chosen(study, results, task, scores, lines, runs)
    return view(task, _title(study, task, shown.choice), shown.volumes, shown.index, lines, room)


def _title(study: Study, task: str, choice: Choice) -> str:
    settings, (fixed, moving) = study.tasks[task], choice.pair
    return f"{task}: {moving} ({settings.moving}) to {fixed} ({settings.fixed}); {choice.rule}"


def _head(number: int, each: View) -> dict:
    layers = [
        {
            "label": layer.label,
            "colour": layer.colour,
            **{role: packed.head | {"name": _name(number, at, role)} for role, packed in layer.blobs.items()},
        }
        for at, layer in enumerate(each.layers)
    ]
    facts = {
        "task": each.task,
        "title": each.title,
        "spacing": each.spacing,
        "origin": each.origin,
        "cursor": each.cursor,
    }
    return {**facts, "every": each.every, "outlines": each.outlines, "notes": each.notes, "layers": layers}


def _name(view: int, layer: int, role: str) -> str:
    return f"volume-{view}-{layer}-{role}"
