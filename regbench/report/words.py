"""What a study found, in words: which method leads on what, by how much, how sure. No word says more than a test did."""

from collections.abc import Iterable
from math import isnan

from regbench.report.standings import Standing
from regbench.scores.metrics import Metric
from regbench.tables.comparisons import LEVEL, SEEDS_TO_WIN
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
FIRST = "first of those that may lead"  # where others, which may not, have better means
SEEDS = f"A learned method needs {SEEDS_TO_WIN} trainings to lead."
DEVICES = {"cpu": "the CPU", "cuda": "the GPU"}
CLOCKS = {"compute": "steady computing alone", "total": "whole commands"}


def badge(standing: Standing) -> str:
    """The verdict on one metric in a few words."""
    told = BADGES[standing.verdict]
    if not standing.ahead or not standing.leaders:
        return told
    return (
        f"{FIRST}, level"
        if standing.verdict == "level"
        else FIRST + told.removeprefix("ahead").removeprefix("leads")
    )


def opening(task: str, found: list[Standing]) -> str:
    """What to know of a task at once: who is ahead by which metrics, and by which only those that may lead were counted."""
    if not found:
        return f"Task {task}: no two methods have scores to compare."
    single = [standing for standing in found if standing.verdict not in ("level", "none")]
    ahead = _by_leader(standing for standing in single if not standing.ahead)
    first = _by_leader(standing for standing in single if standing.ahead)
    level = _by_leader(standing for standing in found if standing.verdict == "level")
    words = [f"Ahead on task {task}: {ahead}." if ahead else f"Task {task}: none is ahead of all others."]
    words += [f"First of those that may lead: {first}."] * bool(first)
    words += [f"Level: {level}."] * bool(level)
    return " ".join(words)


def finding(standing: Standing) -> str:
    """A paragraph on one metric: the leader, by how much, how sure; and who has a better mean but may not lead."""
    metric, best = standing.metric, "highest" if standing.metric.better == "higher" else "lowest"
    mean = _number(standing.mean, metric) + _interval(standing.low, standing.high, metric)
    if standing.verdict == "none":
        return f"The {best} mean is {mean}. {SEEDS} No method here may."
    of = " of those that may lead" if standing.ahead else ""
    if len(standing.leaders) > 1:
        words = f"{_joined(standing.leaders)} have the same {best} mean{of}, {mean}."
    else:
        words = f"{standing.leaders[0]} has the {best} mean{of}, {mean}{_step(standing)}."
        words += f" {_sure(standing)}" if standing.rivals else ""
    return words + _better(standing)


def _by_leader(standings: Iterable[Standing]) -> str:
    """`A by DSC and HD95; B by Error`."""
    found: dict[str, list[str]] = {}
    for standing in standings:
        open_ = " (not told apart from the next)" if standing.verdict == "open" and standing.rivals else ""
        leaders = _joined([*standing.leaders, *(rival.row for rival in standing.level)])
        found.setdefault(leaders, []).append(standing.metric.title + open_)
    return "; ".join(f"{row} by {_joined(metrics)}" for row, metrics in found.items())


def _better(standing: Standing) -> str:
    """The rows with better means, and why they may not lead."""
    told = ""
    if standing.few_seeds:
        told += f" {_joined(standing.few_seeds)}: a better mean, too few trainings. {SEEDS}"
    if standing.few_pairs:
        told += f" {_joined(standing.few_pairs)}: a better mean, over fewer pairs."
    return told


def _step(standing: Standing) -> str:
    """How far the next one is behind, and which are not behind at all."""
    level = ""
    if standing.level:
        rows = _joined(rival.row for rival in standing.level)
        level = f": level with {rows}, a difference of {_number(0, standing.metric)}"
    if not (behind := [rival for rival in standing.rivals if rival not in standing.level]):
        return level
    nearest = behind[0]
    turn = 1 if nearest.gain >= 0 else -1
    low, high = sorted((turn * nearest.low, turn * nearest.high))
    step = _number(abs(nearest.gain), standing.metric) + _interval(low, high, standing.metric)
    side = "better than" if nearest.gain >= 0 else "worse, on the pairs that both have, than"
    return f"{level}{',' if level else ':'} {step} {side} {nearest.row}, the next"


def _sure(standing: Standing) -> str:
    beaten, rest = standing.beaten, [r.row for r in standing.rivals if r not in standing.beaten]
    test = f"Wilcoxon on {standing.subjects} fixed subjects, Holm-corrected"
    if not standing.tested:
        return (
            f"Not tested: a test needs {FEWEST_SUBJECTS} fixed subjects, these data have {standing.subjects}."
        )
    if standing.smallest_p >= LEVEL:
        return (
            f"Not significant, and it could not be: with {standing.subjects} fixed subjects the least p of all these "
            f"comparisons is {p_text(standing.smallest_p)} ({test})."
        )
    least = f"least p {p_text(_least(standing))}; {test}"
    if not beaten and _least(standing) < LEVEL:
        return f"From none of the others told apart both by p and by an interval without 0 ({least})."
    if not beaten:
        return f"No difference from the others is significant ({least})."
    worst = p_text(max(rival.p for rival in beaten))
    over = _joined(rival.row for rival in beaten) if rest else "each of the others"
    words = f"The difference from {over} is significant (p at most {worst}; {test})."
    return words + (f" Not told apart from {_joined(rest)}." if rest else "")


def speed(task: str, table: Frame) -> list[str]:
    """A sentence for each device, machine and clock: the fastest method of a task, and how much faster than the others.

    table: speed_accuracy.csv with `pairs` and `calls` of times.csv. Times of two machines, or of two clocks, are not compared.
    """
    timed = table[(table["task"] == task) & table["steady_seconds"].notna() & ~table["control"]]
    sentences = []
    for (device, machine, clock), part in timed.groupby(["device", "machine", "clock"], sort=False):
        rows = part.sort_values("steady_seconds").to_dict("records")
        first, *others = rows
        span = [first["steady_low"], first["steady_high"]]
        sure = "" if any(map(isnan, span)) else f" (95 % {' to '.join(map(seconds_text, span))})"
        where = f"Fastest on task {task}, {CLOCKS[clock]}, on {DEVICES[device]} ({machine})"
        time = f"{seconds_text(first['steady_seconds'])} s a pair{sure}, {_timed(rows)}"
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


def _timed(rows: list[dict]) -> str:
    """On how few pairs and calls the times of a sentence stand."""
    pairs, calls = (sorted({int(row[name]) for row in rows}) for name in ("pairs", "calls"))
    return f"timed on {_counted(pairs, 'pair')}, {_counted(calls, 'call')} a method"


def _counted(numbers: list[int], what: str) -> str:
    if numbers == [1]:
        return f"one {what}"
    return " to ".join(map(str, dict.fromkeys((numbers[0], numbers[-1])))) + f" {what}s"


def _least(standing: Standing) -> float:
    return min(rival.p for rival in standing.rivals if not isnan(rival.p))


def _figures(ratio: float) -> str:
    """Three figures, without exponents."""
    return f"{ratio:.3g}" if ratio < 100 else f"{ratio:.0f}"


def _number(value: float, metric: Metric) -> str:
    """With its unit, and as many digits as tables have."""
    return f"{value:z.{metric.decimals}f}" + ("" if metric.unit == "1" else f" {metric.unit}")


def _interval(low: float, high: float, metric: Metric) -> str:
    if isnan(low) or isnan(high):
        return ""
    return f" (95 % {low:z.{metric.decimals}f} to {high:z.{metric.decimals}f})"


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
