"""How each method deforms the axial slice: its grid, its change of volume, its distance from the truth."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regbench.figures.sheet import Sheet, say, sheet, show
from regbench.figures.slices import AXIAL, PairSlices, RunSlices
from regbench.figures.style import DARK
from regbench.figures.task import Unavailable

GRID_LINES = 24  # along the slice's longer side
VOLUME, DISTANCE, FOLDED = "PuOr", "viridis", "#000000"
LEVELS = 2.0  # of the scale of volumes, powers of two
SHARE = 98.0  # percentile of the distances that the colours end at


def draw_grids(pair: PairSlices) -> tuple[Figure, str]:
    """The fixed image's grid where each method takes it to, over the moving image; and what the caption says of it."""
    drawn = _sheet(pair, [run.line.label for run in pair.runs], foot=False)
    step = max(round(max(pair.fixed[AXIAL].shape) / GRID_LINES), 1)
    for (axes,), run in zip(drawn.cells, pair.runs, strict=True):
        if run.moved is None:
            say([axes], run)
            continue
        show(axes, pair.moving[AXIAL], pair.spacing[AXIAL], vmin=-1.5)  # pale: the lines are what matters
        limits = axes.get_xlim(), axes.get_ylim()
        _lines(axes, run.moved, step)
        axes.set(xlim=limits[0], ylim=limits[1])
    return drawn.figure, (
        f"The regular grid of the fixed image (every {step} voxels of the axial slice) where each method takes it to, over "
        "the moving image after affine alignment: a line leads to the places its voxels come from. Displacement through the "
        "slice is not seen."
    )


def draw_jacobian(pair: PairSlices) -> tuple[Figure, str]:
    """The Jacobian determinant in the brain, and what the caption says of it."""
    titles = [f"{run.line.label}{_percent(run)}" for run in pair.runs]
    drawn, shown = _sheet(pair, titles), None
    brain = pair.brain[AXIAL]
    for (axes,), run in zip(drawn.cells, pair.runs, strict=True):
        if run.jacobian is None:
            say([axes], run)
            continue
        j = run.jacobian[AXIAL]
        level = np.ma.masked_where(~brain, np.log2(np.clip(j, 2.0**-LEVELS, 2.0**LEVELS)))
        shown = show(axes, level, pair.spacing[AXIAL], vmin=-LEVELS, vmax=LEVELS, cmap=VOLUME)
        folds = np.ma.masked_where(~(brain & (j <= 0)), np.ones_like(j))
        axes.imshow(folds, cmap="gray_r", vmin=0, vmax=1, aspect=axes.get_aspect())
    if shown is None:
        raise Unavailable("No method has a field to show.")
    bar = drawn.bar(shown, "Jacobian determinant (black: folded)", ticks=[-2, -1, 0, 1, 2], extend="both")
    bar.set_ticklabels(["¼", "½", "1", "2", "4"])
    return drawn.figure, (
        "Jacobian determinant of the displacement in the brain, axial slice: 2 where tissue has twice the volume in "
        "the moving image that it has in the fixed one, 1 where volume is kept, black where space folds (0 and below). "
        "Percent: folded voxels of the whole brain."
    )


def draw_error(pair: PairSlices) -> tuple[Figure, str]:
    """The distance from the true displacement in the brain, and what the caption says of it."""
    brain = pair.brain[AXIAL]
    known = [run.error[AXIAL][brain] for run in pair.runs if run.error]
    if not known:
        raise Unavailable(
            "No method has a field to show, or the true displacement of this pair is not known."
        )
    top = max(float(np.percentile(np.concatenate(known), SHARE)), 1e-3)
    titles = [
        f"{run.line.label}\n{run.mean_error:.2f} mm" if run.error else run.line.label for run in pair.runs
    ]
    drawn, shown = _sheet(pair, titles), None
    for (axes,), run in zip(drawn.cells, pair.runs, strict=True):
        if run.error is None:
            say([axes], run)
            continue
        values = np.ma.masked_where(~brain, run.error[AXIAL])
        shown = show(axes, values, pair.spacing[AXIAL], vmax=top, cmap=DISTANCE)
    drawn.bar(shown, "|displacement − truth|, mm", extend="max")
    return drawn.figure, (
        "Distance of each method's displacement from the true one in the brain, axial slice; in millimetres the mean over "
        f"the whole brain. Colours end at the {SHARE:g}th percentile of all methods."
    )


def _sheet(pair: PairSlices, titles: list[str], foot: bool = True) -> Sheet:
    return sheet(titles, [pair.shape()], [run.line.colour for run in pair.runs], foot)


def _percent(run: RunSlices) -> str:
    return "" if run.jacobian is None else f"\n{run.folding:.2g} % folded"


def _lines(axes: Axes, moved: np.ndarray, step: int) -> None:
    """Lines along the rows and columns of moved (2, rows, columns), pixels."""
    rows, columns = moved
    for n in range(step // 2, rows.shape[0], step):
        axes.plot(columns[n], rows[n], color=DARK, lw=0.45)
    for n in range(step // 2, rows.shape[1], step):
        axes.plot(columns[:, n], rows[:, n], color=DARK, lw=0.45)
