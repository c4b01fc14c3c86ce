"""The paper's Figure 4: both visits, the first one as each method moves it, outlines of the lesion, what is left."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from regbench.figures.colours import AFTER, BEFORE, FIXED
from regbench.figures.contours import DARKER, WIDTHS, draw_outline, outline_key
from regbench.figures.pictures import MOST_DIFFERENT, checkerboard
from regbench.figures.sheet import Sheet, say, sheet, show
from regbench.figures.slices import AXIAL, PairSlices
from regbench.figures.style import DIFFERENCE, FRAME
from regbench.figures.task import Unavailable

ROOM_MM = 12.0  # shown around the lesion
Window = tuple[slice, slice]  # rows, columns
Outline = tuple[np.ndarray, str]  # labels of a slice (rows, columns), colour


def draw_followup(pair: PairSlices, mono: bool) -> tuple[Figure, str]:
    """Each cell: the axial slice, the lesion on the later scan, and |later scan - image| (mono) or a checkerboard.

    Returns the figure and what its caption says of it. Unavailable where the first scan has no label in the slice.
    """
    if pair.moving_labels is None or not (pair.moving_labels[AXIAL] > 0).any():
        raise Unavailable("The first scan has no label in the slice that is shown.")
    first: list[Outline] = [(pair.moving_labels[AXIAL], BEFORE)]
    later: list[Outline] = [] if pair.labels is None else [(pair.labels[AXIAL], FIXED)]
    window = lesion_window([labels for labels, _ in (*first, *later)], pair.spacing[AXIAL])
    titles = ["Later scan (fixed)", "First scan, affine", *(run.line.label for run in pair.registered)]
    shapes = [pair.shape(), _size_mm(window, pair.spacing[AXIAL]), pair.shape()]
    drawn = sheet(titles, shapes, [None, None, *(run.line.colour for run in pair.registered)])
    _fill(drawn.cells[0], pair, pair.fixed[AXIAL], later, later, window)
    _fill(drawn.cells[1], pair, pair.moving[AXIAL], first, later + first, window)
    for panels, run in zip(drawn.cells[2:], pair.registered, strict=True):
        if run.warped is None or run.labels is None:
            say(panels, run)
            continue
        carried: list[Outline] = [(run.labels[AXIAL], AFTER)]
        _fill(panels, pair, run.warped[AXIAL], carried, later + carried + first, window)
        _compare(panels[2], pair, run.warped[AXIAL], mono)
    _compare(drawn.cells[1][2], pair, pair.moving[AXIAL], mono)
    _legend(drawn, bool(later))
    below = "a checkerboard of both scans"
    if mono:
        below = f"the absolute difference from the later scan, white none, black {MOST_DIFFERENT} (intensities go from 0 to 1)"
    return drawn.figure, (
        "Top: axial slice, the patient's right on the left. Middle: the boxed region of the later scan, with the lesion as "
        f"drawn there (yellow), as drawn in the first scan after affine alignment (red dashes) and as carried (cyan). Bottom: {below}."
    )


def lesion_window(labels: list[np.ndarray], spacing: tuple[float, float]) -> Window:
    """The box (rows, columns) around every label of a slice, with ROOM_MM of room."""
    anywhere, found = np.any([each > 0 for each in labels], axis=0), []
    for axis, mm in enumerate(spacing):
        used, room = np.flatnonzero(anywhere.any(axis=1 - axis)), round(ROOM_MM / mm)
        found.append(slice(max(int(used[0]) - room, 0), min(int(used[-1]) + 1 + room, anywhere.shape[axis])))
    return found[0], found[1]


def _size_mm(window: Window, spacing: tuple[float, float]) -> tuple[float, float]:
    rows, columns = window
    return (rows.stop - rows.start) * spacing[0], (columns.stop - columns.start) * spacing[1]


def _fill(
    panels: list[Axes], pair: PairSlices, image: np.ndarray, above: list[Outline], on_later: list[Outline], window: Window
) -> None:  # fmt: skip
    """The upper two panels of a cell: an image with its own lesion, and lesions on the later scan."""
    (rows, columns), spacing = window, pair.spacing[AXIAL]
    show(panels[0], image, spacing)
    _outline(panels[0], above, dict.fromkeys(WIDTHS, 0.6))
    size = columns.stop - columns.start, rows.stop - rows.start
    corner = columns.start - 0.5, rows.start - 0.5
    panels[0].add_patch(Rectangle(corner, *size, fill=False, **FRAME))
    show(panels[1], pair.fixed[AXIAL], spacing, vmax=DARKER)
    _outline(panels[1], on_later, WIDTHS)
    panels[1].set(xlim=(corner[0], columns.stop - 0.5), ylim=(rows.stop - 0.5, corner[1]))


def _compare(axes: Axes, pair: PairSlices, image: np.ndarray, mono: bool) -> None:
    fixed, spacing = pair.fixed[AXIAL], pair.spacing[AXIAL]
    if mono:
        show(axes, np.abs(fixed - image), spacing, cmap=DIFFERENCE, vmax=MOST_DIFFERENT)
    else:
        show(axes, checkerboard(fixed, image, spacing), spacing)


def _outline(axes: Axes, outlines: list[Outline], widths: dict[str, float]) -> None:
    for labels, colour in outlines:
        for name in np.unique(labels[labels > 0]):
            draw_outline(axes, labels == name, colour, widths[colour])


def _legend(drawn: Sheet, later: bool) -> None:
    told = {"drawn in the later scan": FIXED} if later else {}
    told |= {"carried over": AFTER, "drawn in the first scan, affine": BEFORE}
    drawn.legend([outline_key(name, colour) for name, colour in told.items()])
