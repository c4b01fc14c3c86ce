"""Speed against accuracy: every variant, and the front that no other variant beats."""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from regbench.figures.colours import PALETTE
from regbench.figures.labels import label_points
from regbench.figures.style import COLUMN, FAINT, GREY, PAGE, axes_at, blank, fits_column
from regbench.figures.task import TaskData, Unavailable, better
from regbench.scores.metrics import METRICS
from regbench.tables.frames import Column, Frame, read_table
from regbench.tables.speed_accuracy import FRONTS

# Where the times' range is shorter than a factor, ticks stand on these steps of each power of ten, so that two or more are seen.
TICKS = {3: (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), 50: (1, 2, 5), math.inf: (1,)}
MARKERS = "PXsD^ov<>ph"
THIN = "PX"  # markers that must be larger to be seen
NUMERIC = [
    "steady_seconds",
    "steady_low",
    "steady_high",
    *(f"{m}{part}" for m in FRONTS for part in ("", "_low", "_high")),
]
LEFT, TOP, PANEL, GAP, RIGHT, FOOT = 14.0, 6.0, 50.0, 3.0, 3.0, 10.0  # mm
NEAR = 0.03  # of a panel: points that cover one another
STEPS = 20  # points along a line, which names keep off


def draw_speed(task: TaskData) -> tuple[Figure, str]:
    """A column of panels for DSC and one for true error, a row for each machine; what the caption says of it."""
    table = read_points(task)
    metrics = [name for name in FRONTS if table[name].notna().any()]
    if table["steady_seconds"].isna().all() or not metrics:
        raise Unavailable("No variant of this task was both timed and scored by DSC or true error.")
    timed = table[table["steady_seconds"].notna()]
    machines = list(timed.groupby(["device", "machine"], sort=False))
    styles, names = variant_styles(task), {line.key: line.label for line in task.lines}
    down = TOP + PANEL + FOOT
    across = 1 if fits_column(0, len(machines) * len(metrics) * down) else len(metrics)
    wide = COLUMN if across == 1 else PAGE
    width = (wide + GAP) / across - GAP - LEFT - RIGHT
    figure = blank(wide, len(machines) * len(metrics) / across * down)
    for n, (((_, machine), part), metric) in enumerate(product(machines, metrics)):
        left, top = LEFT + n % across * (LEFT + width + GAP), TOP + n // across * down
        axes = axes_at(figure, left, top, width, PANEL)
        _panel(axes, part, metric, styles)
        _name(axes, part, metric, names)
        if n % len(metrics) == 0:
            axes.set_title(machine, loc="left")
    untimed = [line.label for line in task.lines if not line.control and not _there(timed, line.key)]
    hollow = " Hollow: a command's whole time, with its start and files, on a front of its own (dashed)."
    return figure, (
        f"{task.sentence} Median seconds of one pair after the first (log scale, 95 % interval) against the mean over pairs "
        "(95 % interval over subjects), for every variant; variants of a method share its colour. The grey line is the Pareto "
        "front: no other variant is both as fast and as good. Of points in one place the one below is drawn larger."
        + hollow * bool((timed["clock"] == "total").any())
        + (f" Not timed: {', '.join(untimed)}." if untimed else "")
    )


def read_points(task: TaskData) -> Frame:
    """The task's rows of tables/speed_accuracy.csv, with numbers where numbers belong."""
    table = read_table(task.results / "tables" / "speed_accuracy.csv")
    table = table[(table["task"] == task.name) & (table["control"] != "True")].copy()
    for name in NUMERIC:
        table[name] = table[name].replace("", "nan").astype(float)
    return table


def variant_styles(task: TaskData) -> dict[tuple[str, str], tuple[str, str]]:
    """(colour, marker) of each line: a method's first variant has the marker that belongs to its colour, the others the next."""
    styles, variants = {}, Counter()
    for line in task.lines:
        place = PALETTE.index(line.colour) + variants[line.method]
        variants[line.method] += 1
        styles[line.key] = line.colour, MARKERS[place % len(MARKERS)]
    return styles


def set_time_axis(axes: Axes, seconds: Column) -> None:
    """A logarithmic axis with labels for times of that range."""
    steps = next(steps for factor, steps in TICKS.items() if not seconds.max() >= factor * seconds.min())
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _panel(axes: Axes, part: Frame, metric: str, styles: dict[tuple[str, str], tuple[str, str]]) -> None:
    set_time_axis(axes, part["steady_seconds"])
    for clock, x, y in _fronts(part, metric):
        axes.plot(
            x, y, color=GREY, lw=0.8, ls="--" if clock == "total" else "-", drawstyle="steps-post", zorder=1
        )
    scored = part[part[metric].notna()]
    for n, (_, row) in enumerate(scored.iterrows()):
        colour, marker = styles[row["method"], row["variant"]]
        x, y = row["steady_seconds"], row[metric]
        axes.plot([row["steady_low"], row["steady_high"]], [y, y], color=colour, lw=0.6, zorder=2)
        axes.plot([x, x], [row[f"{metric}_low"], row[f"{metric}_high"]], color=colour, lw=0.6, zorder=2)
        look = {"markerfacecolor": colour, "markeredgecolor": "white", "markeredgewidth": 0.6}
        if row["clock"] == "total":
            look = {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 1.0}
        above = _above(scored.iloc[n + 1 :], scored, metric, x, y)
        axes.plot(
            x, y, marker, markersize=5.5 + (marker in THIN) + 3 * above, zorder=3 + n / len(scored), **look
        )
    axes.set(xlabel="seconds a pair", ylabel=better(metric))
    if METRICS[metric].better == "lower":
        axes.invert_yaxis()  # up is better in every panel
    axes.grid(color=FAINT)
    axes.margins(x=0.12, y=0.1)  # for names


def _fronts(part: Frame, metric: str) -> Iterator[tuple[str, list[float], list[float]]]:
    """(clock, seconds, metric) along each front of a panel, on to the slowest variant: whatever lies below is beaten."""
    last = part["steady_seconds"].max()
    for clock, rows in part.groupby("clock"):
        front = rows[rows[f"on_front_{metric}"] == "True"].sort_values("steady_seconds")
        if not front.empty:
            x, y = front["steady_seconds"].tolist(), front[metric].tolist()
            yield str(clock), [*x, last], [*y, y[-1]]


def _above(later: Frame, scored: Frame, metric: str, x: float, y: float) -> int:
    """How many points that are drawn later lie on a point, within NEAR of the panel's size."""
    wide = max(np.log(scored["steady_seconds"].max() / scored["steady_seconds"].min()), 0.1)
    high = max(scored[metric].max() - scored[metric].min(), 1e-6)
    across, up = np.log(later["steady_seconds"] / x) / wide, (later[metric] - y) / high
    return int((np.hypot(across, up) < NEAR).sum())


def _name(axes: Axes, part: Frame, metric: str, names: dict[tuple[str, str], str]) -> None:
    """Every point's name beside it, off the fronts and the intervals where there is room."""
    scored = part[part[metric].notna()]
    points = list(zip(scored["steady_seconds"], scored[metric], strict=True))
    labels = [names[key] for key in zip(scored["method"], scored["variant"], strict=True)]
    lines = []
    for (x, y), (_, row) in zip(points, scored.iterrows(), strict=True):
        lines += [(x, each) for each in np.linspace(row[f"{metric}_low"], row[f"{metric}_high"], STEPS)]
        lines += [(each, y) for each in np.geomspace(row["steady_low"], row["steady_high"], STEPS)]
    for _, xs, ys in _fronts(part, metric):
        for k in range(len(xs) - 1):
            lines += [(x, ys[k]) for x in np.geomspace(xs[k], xs[k + 1], STEPS)]
            lines += [(xs[k + 1], y) for y in np.linspace(ys[k], ys[k + 1], STEPS)]
    label_points(axes, points, labels, np.array(lines))


def _there(timed: Frame, key: tuple[str, str]) -> bool:
    return bool(((timed["method"] == key[0]) & (timed["variant"] == key[1])).any())
