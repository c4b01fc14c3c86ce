"""Which pair and which slices figures show: by rule, so that nobody picks the pair that a method looks best on."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from regbench.scores.metrics import METRICS
from regbench.study import FigureSettings
from regbench.tables.frames import Frame
from regbench.tables.summary import PAIR

BY = ("dsc", "error", "tre", "mi")  # the first of these that a task has decides which pair is the median
PLANES = (
    "sagittal",
    "coronal",
    "axial",
)  # normal to array axes 0, 1, 2: the task's grid lies along the LPS axes
Pair = tuple[str, str]


@dataclass(frozen=True)
class Choice:
    """A pair (fixed, moving) with the rule that chose it, in words fit for a caption."""

    pair: Pair
    rule: str

    @property
    def name(self) -> str:
        """As runs and records are named."""
        return "__".join(self.pair)


def choose_pair(
    scores: Frame,
    settings: FigureSettings,
    controls: Collection[str] = (),
    stored: Collection[Pair] | None = None,
) -> Choice | None:
    """The pair that a task's figures show; None where no pair has a score.

    scores: the task's rows of scores.csv. Of the pairs that most method variants finished, it is the one whose mean over
    them is the median (the worse one of two in the middle), by the first metric of BY that the task has. controls:
    methods that do not count. stored: pairs whose fields are still there, where not all are; the nearest to the median
    is taken. A pair that the study names is taken wherever the task has it.
    """
    pairs = set(map(tuple, scores[PAIR].drop_duplicates().to_numpy()))
    if settings.pair in pairs:
        return Choice(settings.pair, "named in the study")
    good = scores[scores["label"].isna() & (scores["status"] == "ok") & scores["value"].notna()]
    good = good[~good["method"].isin(list(controls))]
    metric = next((name for name in BY if (good["metric"] == name).any()), None)
    if metric is None:
        return None
    values = good[good["metric"] == metric].pivot_table(
        index=PAIR, columns=["method", "variant"], values="value", aggfunc="mean"
    )
    whole = values[values.notna().sum(axis=1) == values.notna().sum(axis=1).max()].mean(axis=1)
    sign = 1 if METRICS[metric].better == "higher" else -1
    order = sorted(whole.index, key=lambda pair: (sign * whole[pair], pair))
    middle = (len(order) - 1) // 2
    near = sorted(order, key=lambda pair: abs(order.index(pair) - middle))
    there = [pair for pair in near if stored is None or pair in stored]
    if not there:
        return None
    if len(pairs) == 1:
        return Choice(there[0], "the only pair")
    whose = f"{len(order)} pairs"
    if len(order) < len(pairs):
        whose = f"the {len(order)} of {len(pairs)} pairs that most methods finished,"
    median = f"median of {whose} by {METRICS[metric].title} (mean over methods)"
    return Choice(
        there[0], median if there[0] == order[middle] else f"nearest to the {median} whose fields were kept"
    )


def choose_slices(
    brain: np.ndarray, labels: np.ndarray | None, settings: FigureSettings
) -> tuple[tuple[int, int, int], str]:
    """The index shown along each axis, and the rule in words.

    brain: (D, H, W) bool; labels: the fixed ones, (D, H, W), or None. The slice that crosses most label borders, or,
    without labels, most of the brain; the first of equals.
    """
    if settings.slices:
        return settings.slices, "slices named in the study"
    if labels is None or not (labels > 0).any():
        counts, rule = [_area(brain, axis) for axis in range(3)], "slice with most of the brain"
    else:
        counts, rule = [_borders(labels, axis) for axis in range(3)], "slice that crosses most label borders"
    return (int(counts[0].argmax()), int(counts[1].argmax()), int(counts[2].argmax())), rule


def _area(brain: np.ndarray, axis: int) -> np.ndarray:
    """Voxels in each slice normal to an axis."""
    return brain.sum(axis=tuple({0, 1, 2} - {axis}))


def _borders(labels: np.ndarray, axis: int) -> np.ndarray:
    """Neighbours of two labels within each slice normal to an axis."""
    within = {0, 1, 2} - {axis}
    return sum((np.diff(labels, axis=other) != 0).sum(axis=tuple(within)) for other in within)  # pyright: ignore[reportReturnType]


def plane(volume: np.ndarray, axis: int, index: int) -> np.ndarray:
    """A slice of (..., D, H, W) as it is looked at, rows from the top: (..., rows, columns).

    Up is the head, or the face in an axial slice; the patient's right is on the left.
    """
    cut = np.take(volume, index, axis=volume.ndim - 3 + axis).swapaxes(-1, -2)
    return cut if axis == 2 else cut[..., ::-1, :]
