"""The paper's Figure 5: the difference of the two contrasts before registration and after each method."""

from matplotlib.figure import Figure

from regbench.figures.sheet import say, sheet, show
from regbench.figures.slices import PairSlices, Planes

ORDER = (2, 1, 0)  # axial, coronal, sagittal


def draw_differences(pair: PairSlices) -> tuple[Figure, str]:
    """Fixed and moving image, then fixed - moving before and after, in three planes; with what the caption says."""
    titles = ["Fixed", "Moving, affine", "Difference before", *(run.line.label for run in pair.registered)]
    colours = [None, None, None, *(run.line.colour for run in pair.registered)]
    drawn = sheet(titles, [pair.shape(axis) for axis in ORDER], colours)
    images = [pair.fixed, pair.moving, _minus(pair, pair.moving)]
    images += [_minus(pair, run.warped) if run.warped else None for run in pair.registered]
    for n, planes in enumerate(images):
        if planes is None:
            say(drawn.cells[n], pair.registered[n - 3])
            continue
        for axes, axis in zip(drawn.cells[n], ORDER, strict=True):
            lowest = 0 if n < 2 else -1
            show(axes, planes[axis], pair.spacing[axis], vmin=lowest)
    shown = drawn.cells[2][0].get_images()[0]
    drawn.bar(shown, "fixed − image, intensities from 0 to 1", ticks=[-1, 0, 1])
    return drawn.figure, (
        "Axial, coronal and sagittal slice of the two images and of their difference (fixed minus moving) before "
        "registration and after each method. Two contrasts never cancel: what registration removes are double edges, so "
        "that structures read clearer in the difference."
    )


def _minus(pair: PairSlices, image: Planes) -> Planes:
    return [a - b for a, b in zip(pair.fixed, image, strict=True)]
