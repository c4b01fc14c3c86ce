"""What a study found, in words: which method leads on what, by how much, how sure. No word says more than a test did."""

from collections.abc import Iterable
from math import isnan

from regbench.report.standings import Standing
from regbench.scores.metrics import Metric
from regbench.tables.comparisons import SEEDS_TO_WIN
from regbench.tables.frames import Frame
from regbench.tables.layout import seconds_text
from regbench.tables.statistics import FEWEST_SUBJECTS

BADGES = {
    "sure": "leads",
    "partly": "leads in part",
    "open": "ahead, not told apart",
    "too few": "ahead, too few subjects to tell",
    "untested": "ahead, not tested",
    "level": "level",
    "none": "none may lead",
}
SEEDS = f"A learned method needs {SEEDS_TO_WIN} trainings to lead."
DEVICES = {"cpu": "the CPU", "cuda": "the GPU"}
CLOCKS = {"compute": "steady computing alone", "total": "whole commands"}


def opening(task: str, found: list[Standing]) -> str:
    """One sentence on a task: who is ahead by which metrics."""
    if not found:
        return f"Task {task}: no two methods have scores to compare."
    ahead: dict[str, list[str]] = {}
    for standing in found:
        if len(standing.leaders) == 1:
            ahead.setdefault(standing.leaders[0], []).append(standing.metric.title)
    told = [f"{row} by {_joined(metrics)}" for row, metrics in ahead.items()]
    level = [s.metric.title for s in found if s.verdict == "level"]
    words = f"Ahead on task {task}: {'; '.join(told)}." if told else f"Task {task}: none is ahead."
    return words + (f" Several are level by {_joined(level)}." if level else "")


def finding(standing: Standing) -> str:
    """A paragraph on one metric: the leader, by how much, how sure; and who would be ahead with more trainings."""
    metric, best = standing.metric, "highest" if standing.metric.better == "higher" else "lowest"
    mean = _number(standing.mean, metric) + _interval(standing.low, standing.high, metric)
    if standing.verdict == "none":
        return f"The {best} mean is {mean}. {SEEDS} No method here may."
    of = " of those that may lead" if standing.ahead else ""
    if standing.verdict == "level":
        words = f"{_joined(standing.leaders)} have the same {best} mean{of}, {mean}."
    else:
        words = f"{standing.leaders[0]} has the {best} mean{of}, {mean}{_step(standing)}."
        words += f" {_sure(standing)}" if standing.rivals else ""
    return words + (
        f" {_joined(standing.ahead)}: a better mean, too few trainings. {SEEDS}" if standing.ahead else ""
    )


def _step(standing: Standing) -> str:
    """How far the next one is behind."""
    if not standing.rivals:
        return ""
    nearest = standing.rivals[0]
    step = _number(abs(nearest.gain), standing.metric) + _interval(nearest.low, nearest.high, standing.metric)
    side = "better than" if nearest.gain >= 0 else "worse, on the pairs that both have, than"
    return f": {step} {side} {nearest.row}, the next"


def _sure(standing: Standing) -> str:
    beaten, rest = standing.beaten, [r.row for r in standing.rivals if r not in standing.beaten]
    test = f"Wilcoxon on {standing.subjects} fixed subjects, Holm-corrected"
    if standing.verdict == "untested":
        return (
            f"Not tested: a test needs {FEWEST_SUBJECTS} fixed subjects, these data have {standing.subjects}."
        )
    if standing.verdict == "too few":
        return (
            f"Not significant, and it could not be: with {standing.subjects} fixed subjects the least p of all these "
            f"comparisons is {p_text(standing.smallest_p)} ({test})."
        )
    if not beaten:
        return f"No difference from the others is significant (least p {p_text(_least(standing))}; {test})."
    worst = p_text(max(rival.p for rival in beaten))
    over = _joined(rival.row for rival in beaten) if rest else "each of the others"
    words = f"The difference from {over} is significant (p at most {worst}; {test})."
    return words + (f" Not told apart from {_joined(rest)}." if rest else "")


def speed(task: str, table: Frame) -> list[str]:
    """A sentence for each device, machine and clock: the fastest method of a task, and how much faster than the others.

    table: speed_accuracy.csv. Times of two machines, or of two clocks, are not compared.
    """
    timed = table[(table["task"] == task) & table["steady_seconds"].notna() & ~table["control"]]
    sentences = []
    for (device, machine, clock), part in timed.groupby(["device", "machine", "clock"], sort=False):
        rows = part.sort_values("steady_seconds").to_dict("records")
        first, *others = rows
        span = [first["steady_low"], first["steady_high"]]
        sure = "" if any(map(isnan, span)) else f" (95 % {' to '.join(map(seconds_text, span))})"
        where = f"Fastest on task {task}, {CLOCKS[clock]}, on {DEVICES[device]} ({machine})"
        time = f"{seconds_text(first['steady_seconds'])} s a pair{sure}"
        sentences.append(f"{where}: {first['row']}, {time}{_slower(first, others)}.")
    return sentences


def failures(scores: Frame) -> str:
    """How many accuracy runs failed."""
    runs = scores.drop_duplicates(["task", "fixed", "moving", "method", "variant", "repetition"])
    bad = runs[runs["status"] != "ok"]
    if bad.empty:
        return f"None of the {len(runs)} runs failed."
    counts = ", ".join(f"{count} {status}" for status, count in bad["status"].value_counts().items())
    return f"{len(bad)} of {len(runs)} runs have no result ({counts}); means are over the others."


def p_text(p: float) -> str:
    """A p value with as many digits as anybody should read."""
    return "less than 0.001" if p < 0.001 else f"{p:.2g}"


def _slower(first: dict, others: list[dict]) -> str:
    if not others:
        return ""
    near, far = others[0], others[-1]
    told = [
        f"{row['row']}, {_figures(row['steady_seconds'] / first['steady_seconds'])} times as long"
        for row in (near, far)
    ]
    return f"; next {told[0]}" + ("" if near is far else f"; slowest {told[1]}")


def _least(standing: Standing) -> float:
    return min(rival.p for rival in standing.rivals if not isnan(rival.p))


def _figures(ratio: float) -> str:
    """Three figures, without exponents."""
    return f"{ratio:.3g}" if ratio < 100 else f"{ratio:.0f}"


def _number(value: float, metric: Metric) -> str:
    """With its unit; a small difference is not rounded to none."""
    unit = "" if metric.unit == "1" else f" {metric.unit}"
    small = value and abs(value) < 0.5 * 10**-metric.decimals
    return f"{value:.1g}{unit}" if small else f"{value:.{metric.decimals}f}{unit}"


def _interval(low: float, high: float, metric: Metric) -> str:
    if isnan(low) or isnan(high):
        return ""
    return f" (95 % {low:.{metric.decimals}f} to {high:.{metric.decimals}f})"


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
