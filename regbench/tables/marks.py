"""Which numbers of a task are the best of their column, and which a test cannot tell from the best."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from regbench.scores.metrics import METRICS, Modality
from regbench.tables.comparisons import LEVEL, SEEDS_TO_WIN, may_win
from regbench.tables.document import Cell, Mark
from regbench.tables.frames import Frame
from regbench.tables.summary import Line, Method

Key = tuple[str, str]  # method, variant
LEGEND: dict[Mark, str] = {
    "best": "the best mean among rows that may be best: those on as many pairs as any and, if learned, of at least "
    f"{SEEDS_TO_WIN} training seeds. Controls, published values, times and metrics that rank nothing carry no mark.",
    "tied": f"not told apart from the best: p ≥ {LEVEL:g} in Wilcoxon's signed-rank test on the means of fixed subjects, "
    "Holm-corrected over all pairs of rows (comparisons.csv).",
    "ahead": "a better mean than the best, of a row that may not be best.",
}


@dataclass
class Marks:
    """Marks of one task by metric and row.

    untested: metrics whose test could tell no two rows apart, whatever the scores, with its number of fixed subjects and of
    comparisons. few_seeds: the labels of learned rows of too few training seeds to be best.
    """

    of: dict[str, dict[Key, Mark]] = field(default_factory=dict)
    untested: dict[str, tuple[int, int]] = field(default_factory=dict)
    few_seeds: list[str] = field(default_factory=list)


def mark(lines: list[Line], compared: Frame, modality: Modality, methods: Mapping[str, Method]) -> Marks:
    """The marks of a task's lines on metrics that rank methods. compared: the task's rows of comparisons.csv.

    `best` is the best mean of the lines that may be best, more than one where means are equal; `tied` whatever line's
    difference from it is not significant, where the test could have been at all; `ahead` a better mean that may not be best.
    """
    ranked = [line for line in lines if not line.control]
    eligible = [line for line in ranked if may_win(line.method, line.seeds, methods)]
    found = Marks(few_seeds=[line.label for line in ranked if line not in eligible])
    for metric in METRICS.values():
        rows = [line for line in ranked if metric.name in line.values]
        if modality not in metric.ranked or len(rows) < 2:
            continue
        tests = compared[compared["metric"] == metric.name]
        if not (telling := smallest_p(tests) < LEVEL):
            found.untested[metric.name] = max(tests["subjects"], default=0), len(tests)
        sign = 1 if metric.better == "higher" else -1
        means = {_key(line): sign * line.values[metric.name].mean for line in rows}
        most = max(line.values[metric.name].n for line in rows)
        full = [_key(line) for line in rows if line in eligible and line.values[metric.name].n == most]
        found.of[metric.name] = _marks(means, full, _p(tests) if telling else {})
    return found


def legend(marks_by_task: Mapping[str, Marks]) -> list[tuple[Cell, str]]:
    """The meaning of each mark that some table has; that of `best` even where no row may be it."""
    ranked = [of for marks in marks_by_task.values() for of in marks.of.values()]
    used = {each for of in ranked for each in of.values()} | ({"best"} if ranked else set())
    return [(Cell(name, mark=name), meaning) for name, meaning in LEGEND.items() if name in used]


def mark_notes(marks_by_task: Mapping[str, Marks]) -> list[str]:
    """Which rows have too few seeds to be best, and where a test had too few subjects to tell anything apart."""
    found = []
    for task, marks in marks_by_task.items():
        if marks.of and marks.few_seeds:
            found.append(
                f"Task {task}, of fewer than {SEEDS_TO_WIN} training seeds: {', '.join(marks.few_seeds)}."
            )
        for counts in dict.fromkeys(marks.untested.values()):
            names = [METRICS[name].title for name, each in marks.untested.items() if each == counts]
            of = "" if len(names) == len(marks.of) else f" ({', '.join(names)})"
            found.append(
                f"Task {task}{of}: {counts[0]} fixed subjects cannot give p < {LEVEL:g} after Holm's correction over "
                f"{counts[1]} comparisons, whatever the scores: no row is called tied, and none told apart from the best."
            )
    return found


def _key(line: Line) -> Key:
    return line.method, line.variant


def _marks(
    means: dict[Key, float], may_be_best: list[Key], p: dict[frozenset[Key], float]
) -> dict[Key, Mark]:
    best = max((means[key] for key in may_be_best), default=inf)
    leaders = [key for key in may_be_best if means[key] == best]
    found: dict[Key, Mark] = {}
    for key, mean in means.items():
        if key in leaders:
            found[key] = "best"
        elif any(p.get(frozenset((key, leader)), 0) >= LEVEL for leader in leaders):
            found[key] = "tied"
        elif mean > best:
            found[key] = "ahead"
    return found


def _p(tests: Frame) -> dict[frozenset[Key], float]:
    """Holm-corrected p by pair of rows."""
    return {
        frozenset(((row["method_a"], row["variant_a"]), (row["method_b"], row["variant_b"]))): row["p_holm"]
        for row in tests.to_dict("records")
    }


def smallest_p(tests: Frame) -> float:
    """The least corrected p that one metric's tests could give: of n signed ranks that all agree, two-sided, it is 2 / 2^n."""
    done = tests[tests["p"].notna()]
    return min([1.0, *(len(done) * 2.0 ** (1 - done["subjects"].astype(float)))])
