"""Sheets of pictures: a cell for each method, wrapped into rows, each cell some panels under one another."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from regbench.figures.slices import RunSlices
from regbench.figures.style import FAINT, GREY, PAGE, TALLEST, axes_at, blank

GAP, LINE, FOOT = 1.2, 3.0, 12.5  # mm: between panels, a line of type, the room below for a legend
ABOVE = 2.2  # points between a panel and the line in its method's colour, which may be as dark as the image
LARGEST = 40.0  # mm, the width of a panel when there are few
SMALLEST = 15.0  # mm
MOST = 6  # cells in a row, if the page has room for more rows


@dataclass
class Sheet:
    """A figure with `cells[n][k]`, panel k of cell n, and a strip at the foot, in millimetres from the top."""

    figure: Figure
    cells: list[list[Axes]]
    foot: float

    def bar(self, shown: Any, label: str, **options: Any) -> Any:
        """A colour bar in the foot for what a panel shows."""
        width = float(self.figure.get_size_inches()[0]) * 25.4
        axes = axes_at(self.figure, width / 2 - 30, self.foot + 2, 60, 2)
        bar = self.figure.colorbar(shown, cax=axes, orientation="horizontal", **options)
        bar.set_label(label, labelpad=1)
        bar.outline.set_visible(False)
        return bar

    def legend(self, handles: list[Any]) -> None:
        """A legend in the foot."""
        high = float(self.figure.get_size_inches()[1]) * 25.4
        self.figure.legend(
            handles=handles, loc="center", ncols=len(handles), bbox_to_anchor=(0.5, (FOOT / 2) / high)
        )


@dataclass(frozen=True)
class _Layout:
    """So many rows of cells on a page: millimetres of a cell's head, width and whole height, and its title's lines."""

    rows: int
    columns: int
    width: float
    head: float
    height: float
    wrapped: list[list[str]]

    @classmethod
    def of(cls, titles: list[str], rows: int, tall: float, panels: int, room: float) -> "_Layout":
        """As wide as the page's width and `room`, mm of height, allow; tall: height of a cell's panels for a width of 1."""
        columns = math.ceil(len(titles) / rows)
        width = min((PAGE - GAP) / columns - GAP, LARGEST)
        lines = [_wrapped(title, width) for title in titles]
        head = LINE * max(map(len, lines)) + 2.4
        width = min(width, (room / rows - head - GAP * (panels + 1)) / tall)
        wrapped = [_wrapped(title, width) for title in titles]  # narrower cells may need more lines
        head = LINE * max(map(len, wrapped)) + 2.4
        width = min(width, (room / rows - head - GAP * (panels + 1)) / tall)
        return cls(rows, columns, width, head, head + tall * width + GAP * (panels + 1), wrapped)


def sheet(
    titles: list[str], shapes: list[tuple[float, float]], colours: Sequence[str | None], foot: bool = True
) -> Sheet:
    """Cells with a title and, where a method has one, a line in its colour.

    shapes: (rows, columns) of each panel of a cell, any unit; foot: whether a legend or bar comes below. Of the
    numbers of rows that a page takes, the one with the widest cells.
    """
    tall, below = sum(rows / columns for rows, columns in shapes), FOOT if foot else 0
    tries = [
        _Layout.of(titles, rows, tall, len(shapes), TALLEST - below)
        for rows in range(1, math.ceil(len(titles) / MOST) + 1)
    ]
    best = max(tries, key=lambda layout: layout.width)
    if (
        best.width < SMALLEST
    ):  # a study of very many variants: better longer than a page than too small to see
        best = _Layout.of(
            titles, math.ceil(len(titles) * (SMALLEST + GAP) / PAGE), tall, len(shapes), math.inf
        )
    columns, width, height = best.columns, best.width, best.height
    figure = blank(columns * (width + GAP) + GAP, best.rows * height + below)
    cells = []
    for n, lines in enumerate(best.wrapped):
        left, top = GAP + (n % columns) * (width + GAP), (n // columns) * height
        cells.append(_cell(figure, left, top + best.head, width, shapes))
        _title(cells[-1][0], "\n".join(lines), colours[n])
    return Sheet(figure, cells, best.rows * height)


def _cell(
    figure: Figure, left: float, top: float, width: float, shapes: list[tuple[float, float]]
) -> list[Axes]:
    panels = []
    for rows, columns in shapes:
        panels.append(axes_at(figure, left, top, width, width * rows / columns))
        panels[-1].set_axis_off()
        top += width * rows / columns + GAP
    return panels


def _wrapped(title: str, width: float) -> list[str]:
    most = max(int(width / 1.3), 6)  # characters of a line so many mm wide
    return [part for line in title.split("\n") for part in textwrap.wrap(line, most)]


def _title(axes: Axes, text: str, colour: str | None) -> None:
    axes.set_title(text, pad=5.2, linespacing=1.05)
    if colour:
        axes.plot(
            [0, 1],
            [1, 1],
            color=colour,
            lw=2.5,
            transform=axes.transAxes + ScaledTranslation(0, ABOVE / 72, axes.figure.dpi_scale_trans),
            clip_on=False,
            solid_capstyle="butt",
            zorder=5,
        )


def say(panels: list[Axes], run: RunSlices) -> None:
    """The panels of a run that has nothing to show: empty, with its status in words."""
    for axes in panels:
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.fill_between([0, 1], 0, 1, color=FAINT, lw=0)
    panels[0].text(0.5, 0.5, run.status, ha="center", va="center", color=GREY, weight="bold")


def show(axes: Axes, image: np.ndarray, spacing: tuple[float, float], **options: Any) -> Any:
    """An image (rows, columns) with pixels of so many mm (row, column)."""
    options = {"vmin": 0, "vmax": 1} | options if "norm" not in options else options
    return axes.imshow(image, aspect=spacing[0] / spacing[1], **options)
