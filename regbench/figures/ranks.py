"""A critical-difference diagram (Demšar 2006): mean ranks, and which of them are not told apart."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation
from scipy.stats import friedmanchisquare, studentized_range

from regbench.figures.style import COLUMN, MM, PAGE, axes_at, blank, fits_column, names_width
from regbench.figures.task import JUDGING, TaskData, Unavailable
from regbench.scores.metrics import METRICS
from regbench.tables.comparisons import SEEDS_TO_WIN
from regbench.tables.frames import Frame
from regbench.tables.statistics import FEWEST_SUBJECTS
from regbench.tables.summary import PAIR, pair_values, seeds_of

LEVEL = 0.05
FINISHED = 0.5  # of the pairs, which a method must have ended well to be ranked
HEAD, ROW, RIGHT, CD_ABOVE = 14.5, 4.2, 4.0, 10.5  # mm
SIZE = 4.7  # points, of a mark
NEAR = 0.02  # of the axis: marks that cover one another


def draw_ranks(task: TaskData) -> tuple[Figure, str]:
    """The diagram of the first metric that methods are compared by, and what the caption says of it.

    Pairs share subjects; so ranks are those of the means over each fixed subject's pairs, as in the tables' tests.
    """
    # Imported here: it brings seaborn and statsmodels, which no other figure waits for.
    from scikit_posthocs import critical_difference_diagram, posthoc_nemenyi_friedman

    metric = _metric(task)
    values, left_out = subject_means(task, metric)
    subjects, methods = values.shape
    ranks = values.rank(axis=1, ascending=METRICS[metric].better == "lower").mean()
    _, p = friedmanchisquare(*(values[name] for name in values))
    differing = posthoc_nemenyi_friedman(values.to_numpy())
    differing.index = differing.columns = values.columns
    colours = {line.label: line.colour for line in task.lines if line.label in values}
    beside, height = names_width([f"{label} (10.55)" for label in values]), ROW * (methods + 2)
    wide = COLUMN if fits_column(beside, HEAD + height) else PAGE
    figure = blank(wide, HEAD + height)
    axes = axes_at(figure, beside, HEAD, wide - beside - RIGHT, height - 1)
    drawn = critical_difference_diagram(
        ranks, differing, ax=axes, alpha=LEVEL, color_palette=colours, label_props={"fontsize": 7}, left_only=True,
        label_fmt_left="{label} ({rank:.2f}) ", text_h_margin=0,
        marker_props={"clip_on": False}, elbow_props={"lw": 0.9, "clip_on": False}, crossbar_props={"clip_on": False, "linewidth": 2, "color": "#000000"},
    )  # fmt: skip
    axes.spines["top"].set_visible(True)
    for label in drawn["labels"]:
        label.set_color("black")  # pale colours are no colours for type
    for n, marker in enumerate(drawn["markers"]):
        marker.set_sizes([(SIZE + 3 * _above(sorted(ranks), n, NEAR * (methods - 1))) ** 2])
    axes.set(xlim=(1, methods), xticks=range(1, methods + 1))
    axes.set_xlabel(f"mean rank by {METRICS[metric].title} (1 is best)")
    axes.xaxis.set_label_position("top")
    _draw_difference(axes, critical_difference(methods, subjects))
    few = [
        line.label
        for line in task.lines
        if line.label in values and line.method in task.learned and seeds_of(task.of(line)) < SEEDS_TO_WIN
    ]
    told = f" Not ranked, having finished too few pairs: {', '.join(left_out)}." if left_out else ""
    return figure, (
        f"{task.sentence} Mean rank of each method by {METRICS[metric].title} over {subjects} fixed subjects, each with the "
        f"mean over its pairs that all ranked methods finished. A black bar joins methods whose ranks are not significantly "
        f"different (Nemenyi test, {LEVEL:g}; Friedman test of all: p = {p:.2g}); the bar CD is the critical difference, the least "
        f"that is; of marks in one place the one below is larger. {_power(subjects)}The tables' pairwise tests, which keep the size of differences, decide who is best."
        f"{_of_few_seeds(few)}{told}"
    )


def subject_means(task: TaskData, metric: str) -> tuple[Frame, list[str]]:
    """(values, left out): a row for each fixed subject, a column for each method's label, controls apart.

    Over pairs that all the columns' methods finished; left out are labels of methods that finished fewer than half.
    Raises Unavailable where too few methods or subjects remain to be ranked.
    """
    lines = [line for line in task.lines if not line.control]
    values = {line.label: pair_values(task.of(line)) for line in lines}
    columns = {label: rows.set_index(PAIR)[metric] for label, rows in values.items() if metric in rows}
    pairs = len(task.scores[PAIR].drop_duplicates())
    ranked = {label: one for label, one in columns.items() if one.notna().sum() >= FINISHED * pairs}
    left_out = [line.label for line in lines if line.label not in ranked]
    if len(ranked) < 3:
        raise Unavailable(f"Ranks are for three methods at least; {len(ranked)} have enough scores here.")
    table: Frame = pd.concat(ranked, axis=1).dropna().groupby("fixed").mean()
    if len(table) < FEWEST_SUBJECTS:
        raise Unavailable(
            f"Ranks need {FEWEST_SUBJECTS} fixed subjects at least whose pairs all methods finished; here there are {len(table)}."
        )
    return table, left_out


def critical_difference(methods: int, subjects: int) -> float:
    """The difference of mean ranks that is significant by Nemenyi's test (Demšar 2006, eq. 1 of section 3.2.2)."""
    q = float(studentized_range.ppf(1 - LEVEL, methods, np.inf)) / np.sqrt(2)
    return q * float(np.sqrt(methods * (methods + 1) / (6 * subjects)))


def _metric(task: TaskData) -> str:
    modality = task.settings.modality
    found = [name for name in task.metrics((*JUDGING, "ssim_brain")) if modality in METRICS[name].ranked]
    if not found:
        raise Unavailable(
            "No metric of this task is one that methods are ranked by (labels, landmarks or truth)."
        )
    return found[0]


def _above(ranks: list[float], n: int, near: float) -> int:
    """How many points are drawn later than the n-th, on it."""
    return sum(rank - ranks[n] < near for rank in ranks[n + 1 :])


def _draw_difference(axes: Axes, cd: float) -> None:
    """The critical difference as a bar with ends, above the axis from its left."""
    place = axes.get_xaxis_transform() + ScaledTranslation(0, CD_ABOVE * MM, axes.figure.dpi_scale_trans)
    axes.plot([1, 1 + cd], [1, 1], "|-", color="black", lw=1, markersize=5, transform=place, clip_on=False)
    axes.text(1, 1, f"CD = {cd:.2f} ", ha="right", va="center", transform=place)


def _of_few_seeds(labels: list[str]) -> str:
    if not labels:
        return ""
    return f" Ranked like the others, but of fewer than {SEEDS_TO_WIN} training seeds, so that they win nowhere: {', '.join(labels)}."


def _power(subjects: int) -> str:
    return "" if subjects >= 10 else f"With {subjects} subjects the test finds only large differences. "
