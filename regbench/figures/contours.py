"""The paper's Figure 4: outlines of structures that each method carried over, on the fixed image."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from skimage.measure import perimeter

from regbench.figures.colours import AFTER, BEFORE, FIXED
from regbench.figures.sheet import say, sheet, show
from regbench.figures.slices import AXIAL, PairSlices
from regbench.figures.task import Unavailable

# Points; each is drawn over the wider ones, and the last in dashes: where outlines meet, all are seen.
WIDTHS = {FIXED: 2.1, AFTER: 1.1, BEFORE: 0.8}
DASHES = {BEFORE: (0, (4, 3))}
STRUCTURES = 3
ROOM = 0.15  # around the structures, of their box
DARKER = 1.25  # the image's white point, so that outlines stand out


def draw_contours(pair: PairSlices) -> tuple[Figure, str]:
    """A cell for each method with the outlines of a few of the slice's labels; and what the caption says of it."""
    if pair.labels is None or pair.moving_labels is None:
        raise Unavailable("The pair that is shown has no labels on both sides.")
    fixed, before = pair.labels[AXIAL], pair.moving_labels[AXIAL]
    names = readable_labels(fixed)
    if not names:
        raise Unavailable("No label crosses the slice that is shown.")
    rows, columns = _window(np.isin(fixed, names) | np.isin(before, names))
    spacing = pair.spacing[AXIAL]
    shape = ((rows.stop - rows.start) * spacing[0], (columns.stop - columns.start) * spacing[1])
    drawn = sheet([run.line.label for run in pair.runs], [shape], [run.line.colour for run in pair.runs])
    for (axes,), run in zip(drawn.cells, pair.runs, strict=True):
        if run.labels is None:
            say([axes], run)
            continue
        show(axes, pair.fixed[AXIAL], spacing, vmax=DARKER)
        for labels, colour in ((fixed, FIXED), (run.labels[AXIAL], AFTER), (before, BEFORE)):
            _outline(axes, labels, names, colour)
        axes.set(xlim=(columns.start - 0.5, columns.stop - 0.5), ylim=(rows.stop - 0.5, rows.start - 0.5))
    told = {"fixed label": FIXED, "carried over": AFTER, "moving label before (affine)": BEFORE}
    drawn.legend([outline_key(name, colour) for name, colour in told.items()])
    return drawn.figure, (
        f"Outlines on the axial slice of the fixed image, of its {len(names)} most compact labels of median area and more "
        f"(labels {', '.join(map(str, names))}): yellow the fixed image's own, cyan those that the method carried over, red "
        "dashes the moving image's after affine alignment. Where outlines meet, the thinner one is on top, as red is on cyan "
        "all along for a method that moves nothing."
    )


def readable_labels(labels: np.ndarray) -> list[int]:
    """The labels of a slice (rows, columns) whose outlines are read with ease: the roundest of the larger half.

    Round: of the greatest area for its perimeter squared.
    """
    names, areas = np.unique(labels[labels > 0], return_counts=True)
    large = [(int(name), area) for name, area in zip(names, areas, strict=True) if area >= np.median(areas)]
    rank = {name: -area / max(perimeter(labels == name), 1) ** 2 for name, area in large}
    return sorted(sorted(rank, key=lambda name: rank[name])[:STRUCTURES])


def _window(where: np.ndarray) -> tuple[slice, slice]:
    """The box (rows, columns) around what is True, with some room."""
    found = []
    for axis, size in enumerate(where.shape):
        used = np.flatnonzero(where.any(axis=1 - axis))
        room = max(int(ROOM * (used[-1] - used[0] + 1)), 3)
        found.append(slice(max(int(used[0]) - room, 0), min(int(used[-1]) + 1 + room, size)))
    return found[0], found[1]


def _outline(axes: Axes, labels: np.ndarray, names: list[int], colour: str) -> None:
    for name in names:
        mask = labels == name
        if mask.any() and not mask.all():
            draw_outline(axes, mask, colour, WIDTHS[colour])


def draw_outline(axes: Axes, mask: np.ndarray, colour: str, width: float) -> None:
    """The border of what is True in a slice (rows, columns), in a role's colour; width in points."""
    axes.contour(
        mask.astype(float), [0.5], colors=colour, linewidths=width, linestyles=[DASHES.get(colour, "-")]
    )


def outline_key(name: str, colour: str) -> Line2D:
    """What a legend shows for a role's outlines."""
    return Line2D([], [], color=colour, label=name, lw=WIDTHS[colour], ls=DASHES.get(colour, "-"))
