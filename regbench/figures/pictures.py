"""The paper's Figures 2 and 3: fixed, moving and what each method makes of it, a region enlarged, what is left."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.ndimage import uniform_filter

from regbench.figures.sheet import Sheet, say, sheet, show
from regbench.figures.slices import AXIAL, PairSlices
from regbench.figures.style import DIFFERENCE, FRAME

BOX = 0.3  # of the slice's longer side
SQUARES = 8  # of the checkerboard along the longer side
MOST_DIFFERENT = 0.5  # |difference| drawn black
Box = tuple[int, int, int, int]  # first row and column, rows, columns


def draw_pictures(pair: PairSlices, mono: bool) -> tuple[Figure, str]:
    """Each cell: the axial slice, its boxed region, and |fixed - image| (mono) or a checkerboard of both (multi).

    Returns the figure and what its caption says of it.
    """
    images = [
        pair.fixed[AXIAL],
        pair.moving[AXIAL],
        *(run.warped and run.warped[AXIAL] for run in pair.registered),
    ]
    titles = ["Fixed", "Moving, affine", *(run.line.label for run in pair.registered)]
    colours = [None, None, *(run.line.colour for run in pair.registered)]
    whole, box = pair.shape(), differing_box(pair)
    drawn = sheet(titles, [whole, (1, 1), whole], colours, foot=mono)
    for n, image in enumerate(images):
        if image is None:
            say(drawn.cells[n], pair.registered[n - 2])
        else:
            _cell(drawn.cells[n], image, pair, box, mono, first=n == 0)
    if mono:
        _difference_bar(drawn)
    below = (
        "the absolute difference from the fixed image (white: none)"
        if mono
        else "a checkerboard of the fixed image and the registered one"
    )
    return drawn.figure, (
        "A method that leaves the moving image as it is, as the affine row does, is not shown again. Top: axial slice, the patient's right on the left. Middle: the boxed region, placed where the methods' images "
        f"differ most from one another (their middle half). Bottom: {below}. The line above an image is in its method's colour."
    )


def differing_box(pair: PairSlices) -> Box:
    """The square region of the axial slice where the images of the methods vary most; in pixels.

    Controls do not count, and a few methods that went astray do not either: it is the range of the middle half.
    """
    methods = [run for run in pair.shown if not run.line.control] or pair.shown
    images = [run.warped[AXIAL] for run in methods if run.warped] + [pair.moving[AXIAL]]
    spread = np.where(pair.brain[AXIAL], _spread(images[:-1] if len(images) > 2 else images), 0)
    side = BOX * max(pair.shape())
    rows, columns = (
        min(max(round(side / mm), 4), n) for mm, n in zip(pair.spacing[AXIAL], spread.shape, strict=True)
    )
    mean = uniform_filter(spread, (rows, columns), mode="constant")  # pyright: ignore[reportArgumentType]
    # Only places from which the whole box lies in the slice.
    top, left = spread.shape[0] - rows, spread.shape[1] - columns
    inside = mean[rows // 2 : rows // 2 + top + 1, columns // 2 : columns // 2 + left + 1]
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    return int(row), int(column), rows, columns


def _spread(images: list[np.ndarray]) -> np.ndarray:
    low, high = np.percentile(images, [25, 75], axis=0)
    return high - low


def checkerboard(a: np.ndarray, b: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """Squares of `a` and `b` (rows, columns) in turn, SQUARES along the longer side in mm."""
    side = max(a.shape[0] * spacing[0], a.shape[1] * spacing[1]) / SQUARES
    row, column = ((np.arange(n) * mm // side).astype(int) for n, mm in zip(a.shape, spacing, strict=True))
    return np.where((row[:, None] + column) % 2, b, a)


def _cell(panels: list[Axes], image: np.ndarray, pair: PairSlices, box: Box, mono: bool, first: bool) -> None:
    row, column, rows, columns = box
    spacing, fixed = pair.spacing[AXIAL], pair.fixed[AXIAL]
    show(panels[0], image, spacing)
    frame = Rectangle((column - 0.5, row - 0.5), columns, rows, fill=False, **FRAME)
    panels[0].add_patch(frame)
    show(panels[1], image[row : row + rows, column : column + columns], spacing)
    if first:
        return
    if mono:
        show(panels[2], np.abs(fixed - image), spacing, cmap=DIFFERENCE, vmax=MOST_DIFFERENT)
    else:
        show(panels[2], checkerboard(fixed, image, spacing), spacing)


def _difference_bar(drawn: Sheet) -> None:
    shown = drawn.cells[1][2].get_images()[0]
    drawn.bar(
        shown,
        "|fixed − image|, intensities from 0 to 1",
        ticks=[0, MOST_DIFFERENT / 2, MOST_DIFFERENT],
        extend="max",
    )
