"""The curves of every training, from the CSV files beside the models."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from regbench.figures.style import COLUMN, GREY, PAGE, axes_at, blank, fits_column
from regbench.figures.task import Model, TaskData, Unavailable
from regbench.records import read_record
from regbench.tables.frames import Frame

LOSS = "loss"
MOST = {COLUMN: 2, PAGE: 4}  # panels in a row
SPLITS = {"train": "training", "val": "validation"}
LOOKS = {
    "train": {"lw": 0.7, "alpha": 0.6, "marker": ".", "markersize": 1.5},
    "val": {"lw": 1.4, "marker": ".", "markersize": 3},
}
LEFT, TOP, PANEL, GAP, RIGHT, FOOT = 15.0, 6.0, 28.0, 2.0, 3.0, 16.0  # mm


def draw_training(task: TaskData) -> tuple[Figure, str]:
    """A panel for each variant that trains, with the loss of every seed; what the caption says of it."""
    groups: dict[tuple[str, str], list[Model]] = {}
    for model in task.models:
        groups.setdefault(model[:2], []).append(model)
    if not groups:
        raise Unavailable("No method of this task trains.")
    column = fits_column(0, math.ceil(len(groups) / MOST[COLUMN]) * (PANEL + TOP + 9) + FOOT)
    wide = COLUMN if column else PAGE
    columns = min(len(groups), MOST[wide])
    rows = math.ceil(len(groups) / columns)
    width = min((wide - RIGHT + GAP) / columns - GAP - LEFT, 60)
    figure = blank(wide, rows * (PANEL + TOP + 9) + FOOT - 9)
    lines = {line.key: line for line in task.lines}
    for n, (key, models) in enumerate(groups.items()):
        left, top = LEFT + (n % columns) * (LEFT + width + GAP), TOP + (n // columns) * (PANEL + TOP + 9)
        axes = axes_at(figure, left, top, width, PANEL)
        line = lines.get(key)
        axes.set_title(line.label if line else "/".join(key), loc="left")
        colour = line.colour if line else GREY
        for seed, model in enumerate(models):
            _draw(axes, task, model, colour, seed)
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set(xlabel="step", ylabel="loss" if n % columns == 0 else "")
    figure.legend(
        handles=[Line2D([], [], color=GREY, label=name, **LOOKS[split]) for split, name in SPLITS.items()],
        loc="lower center", ncols=2,
    )  # fmt: skip
    seeds = max(len(models) for models in groups.values())
    return figure, (
        f"{task.sentence} The loss that each method minimises, on training pairs (thin) and on validation pairs (thick), "
        f"{'the one training' if seeds == 1 else f'each of up to {seeds} trainings'} of each variant. Losses of different "
        "methods are different functions: only the shape of two curves compares, not their height."
    )


def read_curve(task: TaskData, model: Model) -> Frame | None:
    """The rows of a training's loss (step, split, value); None where it left no curve."""
    method, variant, repetition = model
    path = task.results / "models" / task.name / method / variant / f"r{repetition}" / "curve.csv"
    if not path.is_file():
        return None
    curve = pd.read_csv(path)
    return curve[curve["name"] == LOSS]


def _draw(axes: Axes, task: TaskData, model: Model, colour: str, seed: int) -> None:
    curve = read_curve(task, model)
    if curve is None:
        method, variant, repetition = model
        path = task.results / "models" / task.name / method / variant / f"r{repetition}" / "record.json"
        status = read_record(path)["status"] if path.is_file() else "missing"
        told = "no curve" if status == "ok" else status
        axes.text(0.5, 0.5 - 0.1 * seed, told, ha="center", va="center", color=GREY, transform=axes.transAxes)
        return
    for split, look in LOOKS.items():
        rows = curve[curve["split"] == split]
        axes.plot(rows["step"], rows["value"], color=colour, **look)
