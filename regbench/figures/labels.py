"""Names written beside the points of a plot, where they cover neither points nor one another."""

from itertools import product

import numpy as np
from matplotlib.axes import Axes

from regbench.figures.style import GREY, MM

SIDES = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)])
# (mm to the right, mm up, side) from a point to its name, the nearest first.
PLACES = [
    (*away * side / np.hypot(*side), side) for away, side in product((1.8, 3.6, 5.5, 8.0, 11.0, 14.0), SIDES)
]
POINT = 1.1  # mm, half of the room that a point takes
LINKED = 2.5  # mm: a name that is farther away is linked to its point
ACROSS = {-1: "right", 0: "center", 1: "left"}
UP = {-1: "top", 0: "center", 1: "bottom"}
COVERED = 100.0  # the cost of a covered square pixel; that of a pixel of the way to a name is 1
CROSSED = 5.0  # that of a point of a line
MISREAD = 200.0  # that of a name without a link which stands nearer to another point than to its own


def label_points(axes: Axes, points: list[tuple[float, float]], names: list[str], lines: np.ndarray) -> None:
    """Write the names of points (data coordinates), each at the nearest free place around its own, inside the axes.

    lines: (n, 2) data coordinates along what is drawn, to be covered only where no other place is free. Limits stay as they are.
    """
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    boxes = [_boxes(axes, point, name) for point, name in zip(points, names, strict=True)]
    here = np.array([_pixels(axes, point) for point in points])
    free = [
        _cost_alone(axes, each, lines) + MISREAD * _misread(each, here, n) for n, each in enumerate(boxes)
    ]
    room = POINT * MM * _dpi(axes)
    marks = np.hstack([here - room, here + room])
    orders = [range(len(points)), *(np.argsort(sign * here[:, axis]) for sign in (1, -1) for axis in (0, 1))]
    chosen, _ = min((_placed(boxes, free, marks, order) for order in orders), key=lambda found: found[1])
    for point, name, n in zip(points, names, chosen, strict=True):
        right, up, side = PLACES[n]
        link = {"arrowstyle": "-", "color": GREY, "lw": 0.4, "shrinkA": 0, "shrinkB": 2}
        axes.annotate(
            name, point, (right * MM * 72, up * MM * 72), textcoords="offset points", ha=ACROSS[side[0]], va=UP[side[1]],
            arrowprops=link if np.hypot(right, up) > LINKED else None,
        )  # fmt: skip


def _placed(
    boxes: list[np.ndarray], free: list[np.ndarray], marks: np.ndarray, order: np.ndarray | range
) -> tuple[list[int], float]:
    """The place of each name when they are placed in turn, and what all of them cost together."""
    taken, places, total = marks, [0] * len(boxes), 0.0
    for n in order:
        costs = free[n] + COVERED * _common(boxes[n], taken)
        places[n] = int(costs.argmin())
        total += costs[places[n]]
        taken = np.vstack([taken, boxes[n][places[n]]])
    return places, total


def _boxes(axes: Axes, point: tuple[float, float], name: str) -> np.ndarray:
    """(places, 4) pixels left, bottom, right, top of a name at each of PLACES."""
    probe = axes.text(0, 0, name)
    size = np.array(probe.get_window_extent().size)
    probe.remove()
    offsets = np.array([(right, up) for right, up, _ in PLACES]) * MM * _dpi(axes)
    sides = np.array([side for *_, side in PLACES])
    low = _pixels(axes, point) + offsets + (sides - 1) / 2 * size
    return np.hstack([low, low + size])


def _cost_alone(axes: Axes, boxes: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """What each place costs, whatever other names do: the way, the part outside the axes, points of lines."""
    drawn = axes.transData.transform(lines)
    within = (drawn >= boxes[:, None, :2] - 1) & (drawn <= boxes[:, None, 2:] + 1)
    frame = np.array(axes.get_window_extent().extents)[None]
    outside = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - _common(boxes, frame)
    way = np.array([np.hypot(right, up) for right, up, _ in PLACES]) * MM * _dpi(axes)
    return way + COVERED * outside + CROSSED * within.all(axis=2).sum(axis=1)


def _misread(boxes: np.ndarray, points: np.ndarray, own: int) -> np.ndarray:
    """Whether a name at each place would be taken for that of another of the points (n, 2)."""
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    away = np.hypot(*np.moveaxis(np.maximum(np.maximum(low - points, points - high), 0), 2, 0))
    linked = np.array([np.hypot(right, up) > LINKED for right, up, _ in PLACES])
    return (away < away[:, [own]] - 0.5).any(axis=1) & ~linked


def _common(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Square pixels of each box that the others cover."""
    low, high = np.maximum(boxes[:, None, :2], others[:, :2]), np.minimum(boxes[:, None, 2:], others[:, 2:])
    return np.clip(high - low, 0, None).prod(axis=2).sum(axis=1)


def _pixels(axes: Axes, point: tuple[float, float]) -> np.ndarray:
    return axes.transData.transform(point)


def _dpi(axes: Axes) -> float:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure.dpi
