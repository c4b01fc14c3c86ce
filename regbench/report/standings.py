"""Where the methods of a task stand by each metric, and how sure that is: from the tables' CSV files, in numbers."""

from collections.abc import Collection
from dataclasses import dataclass
from math import isnan, nan

from regbench.scores.metrics import METRICS, Metric
from regbench.tables.comparisons import LEVEL, SEEDS_TO_WIN, Key
from regbench.tables.frames import Frame
from regbench.tables.statistics import FEWEST_SUBJECTS

# What a reader asks first; the tables have the rest. The order is that of the rule of tuning: truth, landmarks, labels.
HEADLINES = ("error", "tre", "dsc", "hd95", "ssim", "folding")


@dataclass(frozen=True)
class Rival:
    """A method against the leader: `gain` is how much better the leader's mean is, in the metric's unit."""

    row: str
    gain: float
    low: float
    high: float
    p: float  # Holm-corrected; NaN where no test was possible


@dataclass(frozen=True)
class Standing:
    """The methods of a task by one metric. A learned method that was trained too seldom leads nowhere.

    leaders: rows with the best mean of those that may lead; none where no row may. ahead: rows that may not, with a better
    mean. rivals: all others, the nearest first.
    """

    metric: Metric
    leaders: list[str]
    mean: float
    low: float
    high: float
    ahead: list[str]
    rivals: list[Rival]
    subjects: int
    smallest_p: float  # that the test could give, corrected, if all subjects agreed

    @property
    def beaten(self) -> list[Rival]:
        """Rivals that are worse, which a test says."""
        return [rival for rival in self.rivals if rival.p < LEVEL and rival.gain > 0]

    @property
    def verdict(self) -> str:
        """What may be said: `none`, `level`, `untested`, `too few`, `sure`, `partly` or `open`."""
        if len(self.leaders) != 1:
            return "level" if self.leaders else "none"
        if self.beaten:
            return "sure" if len(self.beaten) == len(self.rivals) and not self.ahead else "partly"
        if self.rivals and all(isnan(rival.p) for rival in self.rivals):
            return "untested"
        return "too few" if self.smallest_p >= LEVEL else "open"


def standings(table: Frame, compared: Frame, learned: Collection[str]) -> list[Standing]:
    """The headline metrics by which the methods of one task are ranked.

    table: the measured rows of the task in tableN.csv. compared: its rows in comparisons.csv, which leave controls out.
    learned: methods that need SEEDS_TO_WIN trainings to lead.
    """
    return [
        _standing(METRICS[name], table, rows, learned)
        for name in HEADLINES
        if len(rows := compared[compared["metric"] == name])
    ]


def _standing(metric: Metric, table: Frame, compared: Frame, learned: Collection[str]) -> Standing:
    keys = {_key(row, side) for row in compared.to_dict("records") for side in "ab"}
    ranked = [row for row in table.to_dict("records") if (row["method"], row["variant"]) in keys]
    sign = 1 if metric.better == "higher" else -1
    ranked.sort(key=lambda row: -sign * row[metric.name])
    may_lead = [row for row in ranked if row["method"] not in learned or row["seeds"] >= SEEDS_TO_WIN]
    best = may_lead[0] if may_lead else ranked[0]
    names = {(row["method"], row["variant"]): row["row"] for row in ranked}
    # A difference of rounding is none.
    leaders = [row["row"] for row in may_lead if abs(row[metric.name] - best[metric.name]) < 1e-9]
    ahead = [row["row"] for row in ranked if sign * (row[metric.name] - best[metric.name]) >= 1e-9]
    rivals = _rivals((best["method"], best["variant"]), compared, names, sign)
    subjects, tests = int(compared["subjects"].max()), len(compared)
    return Standing(
        metric,
        leaders,
        best[metric.name],
        best.get(f"{metric.name}_low", nan),
        best.get(f"{metric.name}_high", nan),
        ahead,
        [rival for rival in rivals if rival.row not in ahead],
        subjects,
        min(1.0, tests * 2.0 ** (1 - subjects)) if subjects >= FEWEST_SUBJECTS else 1.0,
    )


def _rivals(leader: Key, compared: Frame, names: dict[Key, str], sign: int) -> list[Rival]:
    rivals = []
    for row in compared.to_dict("records"):
        sides = {_key(row, side): side for side in "ab"}
        if leader in sides:
            turn = sign if sides[leader] == "a" else -sign
            (other,) = sides.keys() - {leader}
            low, high = sorted([turn * row["low"], turn * row["high"]])
            rivals.append(Rival(names[other], turn * row["difference"], low, high, row["p_holm"]))
    return sorted(rivals, key=lambda rival: rival.gain)


def _key(row: dict, side: str) -> Key:
    return row[f"method_{side}"], row[f"variant_{side}"]
