"""Speed against accuracy: every variant, and the front that no other variant beats."""

from itertools import cycle
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from regbench.figures.style import FAINT, GREY, PAGE, axes_at, blank, names_width
from regbench.figures.task import TaskData, Unavailable, better
from regbench.scores.metrics import METRICS
from regbench.tables.frames import Frame, read_table
from regbench.tables.speed_accuracy import FRONTS

SHORT = 50  # a range of times that powers of ten alone would leave without ticks
MARKERS = "osD^vP*Xhd<>"
NUMERIC = [
    "steady_seconds",
    "steady_low",
    "steady_high",
    *(f"{m}{part}" for m in FRONTS for part in ("", "_low", "_high")),
]
LEFT, TOP, PANEL, GAP, FOOT = 14.0, 6.0, 52.0, 15.0, 9.0  # mm
ENTRY = 3.6  # mm, the height of a legend's line


def draw_speed(task: TaskData) -> tuple[Figure, str]:
    """A column of panels for DSC and one for true error, a row for each machine; what the caption says of it."""
    table = read_points(task)
    metrics = [name for name in FRONTS if table[name].notna().any()]
    if table["steady_seconds"].isna().all() or not metrics:
        raise Unavailable("No variant of this task was both timed and scored by DSC or true error.")
    timed = table[table["steady_seconds"].notna()]
    machines = list(timed.groupby(["device", "machine"], sort=False))
    styles = variant_styles(task)
    labels = {line.key: line.label for line in task.lines if _there(timed, line.key)}
    beside = names_width([*labels.values(), "Pareto front"]) + 3
    width = min((PAGE - LEFT - beside) / len(metrics) - GAP, 70)
    total = LEFT + len(metrics) * (width + GAP) + beside - GAP / 2
    figure = blank(total, max(len(machines) * (PANEL + TOP + FOOT), ENTRY * (len(labels) + 2)))
    for row, ((_, machine), part) in enumerate(machines):
        for column, metric in enumerate(metrics):
            left, top = LEFT + column * (width + GAP), TOP + row * (PANEL + TOP + FOOT)
            axes = axes_at(figure, left, top, width, PANEL)
            _panel(axes, part, metric, styles)
            if column == 0:
                axes.set_title(machine, loc="left")
    handles = [_handle(styles[key], label) for key, label in labels.items()]
    handles.append(Line2D([], [], color=GREY, lw=0.8, label="Pareto front"))
    figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(1, 1), labelspacing=0.35, handlelength=1.2
    )
    untimed = [line.label for line in task.lines if not line.control and not _there(timed, line.key)]
    hollow = " Hollow: a command's whole time, with its start and files, on a front of its own (dashed)."
    return figure, (
        f"{task.sentence} Median seconds of one pair after the first (log scale, 95 % interval) against the mean over pairs "
        "(95 % interval over subjects), for every variant; variants of a method share its colour. The line is the Pareto "
        "front: no other variant is both as fast and as good."
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
    """(colour, marker) of each line: variants of one method differ by marker."""
    markers: dict[str, Any] = {}
    return {
        line.key: (line.colour, next(markers.setdefault(line.method, cycle(MARKERS)))) for line in task.lines
    }


def _panel(axes: Axes, part: Frame, metric: str, styles: dict[tuple[str, str], tuple[str, str]]) -> None:
    axes.set_xscale("log")
    seconds = part["steady_seconds"]
    few = seconds.max() < SHORT * seconds.min()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    last = part["steady_seconds"].max()  # fronts go on to the slowest: whatever lies below one is beaten
    for clock, rows in part.groupby("clock"):
        front = rows[rows[f"on_front_{metric}"] == "True"].sort_values("steady_seconds")
        if front.empty:
            continue
        x, y = front["steady_seconds"].tolist(), front[metric].tolist()
        dashes = "--" if clock == "total" else "-"
        axes.plot([*x, last], [*y, y[-1]], color=GREY, lw=0.8, ls=dashes, drawstyle="steps-post", zorder=1)
    for _, row in part[part[metric].notna()].iterrows():
        colour, marker = styles[row["method"], row["variant"]]
        x, y = row["steady_seconds"], row[metric]
        axes.plot([row["steady_low"], row["steady_high"]], [y, y], color=colour, lw=0.6, zorder=2)
        axes.plot([x, x], [row[f"{metric}_low"], row[f"{metric}_high"]], color=colour, lw=0.6, zorder=2)
        face = "white" if row["clock"] == "total" else colour
        axes.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=4.5, zorder=3)
    axes.set(xlabel="seconds a pair", ylabel=better(metric))
    if METRICS[metric].better == "lower":
        axes.invert_yaxis()  # up is better in every panel
    axes.grid(color=FAINT)


def _there(timed: Frame, key: tuple[str, str]) -> bool:
    return bool(((timed["method"] == key[0]) & (timed["variant"] == key[1])).any())


def _handle(style: tuple[str, str], label: str) -> Line2D:
    return Line2D([], [], color=style[0], marker=style[1], lw=0, markersize=4.5, label=label)
