"""The paper's Figure 4: both visits, the first one as each method moves it, outlines of the lesion, what is left."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from regbench.figures.contours import AFTER, BEFORE, DARKER, FIXED
from regbench.figures.pictures import MOST_DIFFERENT, checkerboard
from regbench.figures.sheet import Sheet, say, sheet, show
from regbench.figures.slices import AXIAL, PairSlices
from regbench.figures.style import DIFFERENCE, MARK
from regbench.figures.task import Unavailable

ROOM_MM = 12.0  # shown around the lesion
Outline = tuple[np.ndarray, str]  # labels of a slice (rows, columns), colour


def draw_followup(pair: PairSlices, mono: bool) -> tuple[Figure, str]:
    """Each cell: the axial slice, the lesion on the later scan, and |later scan - image| (mono) or a checkerboard.

    Returns the figure and what its caption says of it. Unavailable where the first scan has no label in the slice.
    """
    if pair.moving_labels is None or not (pair.moving_labels[AXIAL] > 0).any():
        raise Unavailable("The first scan has no label in the slice that is shown.")
    before = pair.moving_labels[AXIAL]
    later: list[Outline] = [] if pair.labels is None else [(pair.labels[AXIAL], FIXED)]
    window = lesion_window([before, *(labels for labels, _ in later)], pair.spacing[AXIAL])
    titles = ["Later scan (fixed)", "First scan, affine", *(run.line.label for run in pair.registered)]
    rows, columns = window
    zoom = (
        (rows.stop - rows.start) * pair.spacing[AXIAL][0],
        (columns.stop - columns.start) * pair.spacing[AXIAL][1],
    )
    drawn = sheet(
        titles,
        [pair.shape(), zoom, pair.shape()],
        [None, None, *(run.line.colour for run in pair.registered)],
    )
    _fill(drawn.cells[0], pair, None, later, later, window, mono)
    _fill(
        drawn.cells[1], pair, pair.moving[AXIAL], [(before, BEFORE)], [*later, (before, BEFORE)], window, mono
    )
    for panels, run in zip(drawn.cells[2:], pair.registered, strict=True):
        if run.warped is None or run.labels is None:
            say(panels, run)
            continue
        carried = (run.labels[AXIAL], AFTER)
        _fill(panels, pair, run.warped[AXIAL], [carried], [*later, (before, BEFORE), carried], window, mono)
    _legend(drawn, bool(later))
    below = (
        "the absolute difference from the later scan (white: none)"
        if mono
        else "a checkerboard of both scans"
    )
    return drawn.figure, (
        "Top: axial slice, the patient's right on the left. Middle: the boxed region of the later scan, with the lesion as "
        f"drawn there (yellow), as drawn in the first scan after affine alignment (red) and as carried (blue). Bottom: {below}."
    )


def lesion_window(labels: list[np.ndarray], spacing: tuple[float, float]) -> tuple[slice, slice]:
    """The box (rows, columns) around every label of a slice, with ROOM_MM of room."""
    anywhere, found = np.any([each > 0 for each in labels], axis=0), []
    for axis, mm in enumerate(spacing):
        used, room = np.flatnonzero(anywhere.any(axis=1 - axis)), round(ROOM_MM / mm)
        found.append(slice(max(int(used[0]) - room, 0), min(int(used[-1]) + 1 + room, anywhere.shape[axis])))
    return found[0], found[1]


def _fill(
    panels: list[Axes], pair: PairSlices, image: np.ndarray | None, above: list[Outline], middle: list[Outline],
    window: tuple[slice, slice], mono: bool,
) -> None:  # fmt: skip
    """One cell; without an image of its own, that of the later scan."""
    fixed, spacing, (rows, columns) = pair.fixed[AXIAL], pair.spacing[AXIAL], window
    show(panels[0], fixed if image is None else image, spacing)
    _outline(panels[0], above, 0.6)
    size = columns.stop - columns.start, rows.stop - rows.start
    panels[0].add_patch(
        Rectangle((columns.start - 0.5, rows.start - 0.5), *size, fill=False, edgecolor=MARK, lw=0.6)
    )
    show(panels[1], fixed, spacing, vmax=DARKER)
    _outline(panels[1], middle, 1.0)
    panels[1].set(xlim=(columns.start - 0.5, columns.stop - 0.5), ylim=(rows.stop - 0.5, rows.start - 0.5))
    if image is None:
        return
    if mono:
        show(panels[2], np.abs(fixed - image), spacing, cmap=DIFFERENCE, vmax=MOST_DIFFERENT)
    else:
        show(panels[2], checkerboard(fixed, image, spacing), spacing)


def _outline(axes: Axes, outlines: list[Outline], width: float) -> None:
    for labels, colour in outlines:
        for name in np.unique(labels[labels > 0]):
            axes.contour((labels == name).astype(float), [0.5], colors=colour, linewidths=width)


def _legend(drawn: Sheet, later: bool) -> None:
    told = {"drawn in the later scan": FIXED} if later else {}
    told |= {"drawn in the first scan, affine": BEFORE, "carried over": AFTER}
    drawn.legend([Line2D([], [], color=colour, label=name, lw=1.5) for name, colour in told.items()])
