"""What every pair and every label got of each method."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regbench.figures.style import COLUMN, FAINT, GREY, PAGE, axes_at, blank, fits_column, names_width
from regbench.figures.task import JUDGING, TaskData, Unavailable, better
from regbench.scores.metrics import METRICS
from regbench.tables.frames import Frame
from regbench.tables.summary import PAIR, pair_values

MOST_PANELS = 3
ROW, TOP, FOOT, RIGHT = 4.4, 3.0, 10.0, 3.0  # mm: a method's row, and the room around the panels
WRITTEN = 12  # labels, of which the values still fit into their cells
TICK = 2.55  # mm, the room that a label's number needs below


def draw_accuracy(task: TaskData) -> tuple[Figure, str]:
    """Boxes over pairs, a point for each pair, the points of a pair linked over methods; what the caption says of it."""
    metrics, labels = _shown(task), [line.label for line in task.lines]
    values = {line.key: pair_values(task.of(line)) for line in task.lines}
    beside, height = names_width(labels), ROW * len(labels)
    column = fits_column(beside, len(metrics) * (TOP + height + FOOT))
    across = 1 if column else len(metrics)  # panels beside one another; the others below
    wide, down = COLUMN if column else PAGE, TOP + height + FOOT
    figure = blank(wide, len(metrics) // across * down)
    width = (wide - beside - RIGHT - 5 * (across - 1)) / across
    for n, metric in enumerate(metrics):
        axes = axes_at(figure, beside + n % across * (width + 5), n // across * down + TOP, width, height)
        _panel(axes, task, metric, [_of(values[line.key], metric) for line in task.lines])
        axes.set_yticks(range(len(labels)), labels if n % across == 0 else [])
        axes.tick_params(axis="y", length=0)
    return figure, (
        f"{task.sentence} A point is a pair (training seeds averaged), grey lines link the points of one pair over the "
        "methods, boxes hold the middle half of the pairs with the median, whiskers reach 1.5 box lengths. "
        + _failures(task)
    )


def draw_labels(task: TaskData) -> tuple[Figure, str]:
    """Mean DSC over pairs of each label and method as a map; what the caption says of it."""
    rows = task.scores[(task.scores["metric"] == "dsc") & task.scores["label"].notna()]
    if rows.empty:
        raise Unavailable("No pair has labels on both sides.")
    means = rows.pivot_table(index=["method", "variant"], columns="label", values="value", aggfunc="mean")
    table = means.reindex(pd.MultiIndex.from_tuples([line.key for line in task.lines]))
    methods = [not line.control for line in task.lines]
    table = table[table[methods if any(methods) else slice(None)].mean().sort_values(ascending=False).index]
    beside = names_width([line.label for line in task.lines])
    figure = blank(PAGE, TOP + ROW * len(table) + FOOT + 9)
    axes = axes_at(figure, beside, TOP, PAGE - beside - RIGHT, ROW * len(table))
    low, high = np.floor(10 * np.nanmin(table)) / 10, np.ceil(10 * np.nanmax(table)) / 10
    axes.set_facecolor(FAINT)  # of a method that has no score
    shown = axes.imshow(table.to_numpy(), aspect="auto", cmap="cividis", vmin=low, vmax=high)
    axes.set_yticks(range(len(table)), [line.label for line in task.lines])
    few = len(table.columns) * TICK <= PAGE - beside - RIGHT
    names = [f"{label:.0f}" for label in table.columns]
    axes.set_xticks(range(len(names)) if few else [], names if few else [])
    if few and len(names) > WRITTEN:
        axes.tick_params(axis="x", labelrotation=90)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("label, by mean DSC over methods")
    if len(names) <= WRITTEN:
        _write_values(axes, table, (low + high) / 2)
    below = axes_at(figure, PAGE - RIGHT - 45, TOP + ROW * len(table) + 12, 45, 2)
    figure.colorbar(shown, cax=below, orientation="horizontal").outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    below.set_ylabel("DSC", rotation=0, ha="right", va="center")
    return figure, (
        f"{task.sentence} DSC of each label (columns, best first), mean over pairs and seeds that ended well; grey: no score."
    )


def _shown(task: TaskData) -> list[str]:
    """Up to three metrics: those methods are compared by, then surface distance; without any of them, similarity."""
    found = task.metrics((*JUDGING, "hd95"))[:MOST_PANELS]
    found = found or task.metrics(
        ("ssim_brain", "psnr_brain") if task.settings.modality == "mono" else ("nmi",)
    )
    if not found:
        raise Unavailable("No run of this task has a score.")
    return found


def _failures(task: TaskData) -> str:
    """Which methods have no point for some pairs, or one of fewer seeds."""
    none: list[str] = []
    fewer: list[str] = []
    for line in task.lines:
        ok = task.of(line).assign(ok=lambda rows: rows["status"] == "ok").groupby(PAIR)["ok"]
        lost, partly = int((~ok.any()).sum()), int((ok.any() & ~ok.all()).sum())
        none += [f"{line.label} ({lost} of {ok.ngroups} pairs)"] * bool(lost)
        fewer += [f"{line.label} ({partly} pairs)"] * bool(partly)
    told = f"Without a point, because all runs on the pair failed: {', '.join(none)}. " if none else ""
    told += f"From the seeds that did not fail: {', '.join(fewer)}. " if fewer else ""
    return told.strip() or "No run failed."


def _of(values: Frame, metric: str) -> Any:
    """A metric by pair; empty where the method has none."""
    found = values.set_index(PAIR)[metric].dropna() if metric in values else pd.Series(dtype=float)
    return found


def _panel(axes: Axes, task: TaskData, metric: str, values: list[Any]) -> None:
    together = pd.concat([one.rename(n) for n, one in enumerate(values)], axis=1)
    alpha = float(np.clip(8 / max(len(together), 1), 0.08, 0.6))
    for _, row in together.iterrows():
        there = row.dropna()
        axes.plot(there.to_numpy(), there.index, color=GREY, lw=0.4, alpha=alpha, zorder=1)
    for n, (line, one) in enumerate(zip(task.lines, values, strict=True)):
        if len(one) == 0:
            axes.text(
                0.5, n, "no score", color=GREY, ha="center", va="center", transform=axes.get_yaxis_transform(),
                backgroundcolor="white",
            )  # fmt: skip
            continue
        axes.scatter(one, np.full(len(one), n), s=5, color=line.colour, lw=0, alpha=max(alpha, 0.4), zorder=3)
        axes.boxplot(
            one, positions=[n], orientation="horizontal", widths=0.6, showfliers=False, zorder=2, manage_ticks=False,
            boxprops={"color": line.colour}, whiskerprops={"color": line.colour}, capprops={"color": line.colour},
            medianprops={"color": line.colour, "lw": 2},
        )  # fmt: skip
    axes.set(ylim=(len(values) - 0.5, -0.5), xlabel=better(metric))
    axes.grid(axis="x")
    if METRICS[metric].better == "lower" and together.min().min() < together.max().max() / 2:
        axes.set_xlim(left=0)


def _write_values(axes: Axes, table: Frame, middle: float) -> None:
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        if not np.isnan(value):
            colour = "white" if value < middle else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
