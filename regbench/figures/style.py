"""How all figures look: sizes in millimetres, type that is readable at a journal's column width, files."""

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from regbench.records import write_bytes

COLUMN, PAGE, TALLEST = 85.0, 175.0, 235.0  # mm: a column, a page of two, and what fits a page's height
MM = 1 / 25.4
DPI = 300
GREY, FAINT, DARK = "#555555", "#D9D9D9", "#333333"
# Around a region that is enlarged: white on black, so that it is seen on whatever lies below; no outline has it.
FRAME: dict[str, Any] = {
    "edgecolor": "white", "lw": 0.7, "path_effects": [withStroke(linewidth=1.5, foreground="black")],
}  # fmt: skip
DIFFERENCE = "gray_r"
RULES: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that a figure looks the same everywhere
    "font.size": 7, "axes.titlesize": 7.5, "axes.labelsize": 7, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.fontsize": 7, "legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.0,
    "xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.minor.size": 1.5, "xtick.minor.width": 0.4,
    "axes.axisbelow": True, "grid.color": FAINT, "grid.linewidth": 0.4, "figure.facecolor": "white",
    "svg.fonttype": "path",  # letters are drawn as shapes: no font is asked for
    "svg.hashsalt": "regbench", "image.interpolation": "nearest", "image.cmap": "gray",
}  # fmt: skip
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@contextmanager
def styled() -> Iterator[None]:
    """matplotlib's settings for the figures made in the body."""
    with matplotlib.rc_context(RULES):
        yield


def blank(width: float, height: float) -> Figure:
    """An empty figure of so many millimetres."""
    return Figure(figsize=(width * MM, height * MM))


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in millimetres from the figure's left and top edge."""
    wide, high = figure.get_size_inches() / MM
    return figure.add_axes((left / wide, 1 - (top + height) / high, width / wide, height / high))


def names_width(labels: list[str]) -> float:
    """Millimetres that the longest of some labels takes beside a panel."""
    return min(1.4 * max(map(len, labels), default=0) + 4, 65)


def fits_column(beside: float, height: float) -> bool:
    """Whether panels fit a journal's column, below one another: so wide their names (mm), so high all together."""
    return beside <= COLUMN / 2 and height <= TALLEST


def words(text: str) -> Figure:
    """A figure that could not be drawn says why."""
    lines = textwrap.wrap(text, 55)
    figure = blank(COLUMN, 12 + 3 * len(lines))
    figure.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", color=GREY)
    return figure


def save(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Write STEM.png and STEM.svg; the same figure gives the same bytes."""
    png, svg = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    figure.savefig(svg, format="svg", dpi=DPI, metadata=NO_METADATA)
    paths = stem.with_suffix(".png"), stem.with_suffix(".svg")
    for path, content in zip(paths, (png, svg), strict=True):
        write_bytes(path, content.getvalue())
    return paths
