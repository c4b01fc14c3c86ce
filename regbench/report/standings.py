"""Where the methods of a task stand by each metric, and how sure that is: from the tables' CSV files, in numbers."""

from collections.abc import Collection
from dataclasses import dataclass
from math import isnan, nan

from regbench.scores.metrics import METRICS, Metric
from regbench.tables.comparisons import LEVEL, SEEDS_TO_WIN, Key
from regbench.tables.frames import Frame
from regbench.tables.marks import smallest_p

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

    @property
    def maybe_none(self) -> bool:
        """Whether the interval holds no difference at all."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True)
class Standing:
    """The methods of a task by one metric, as the table marks them: a row that may not be best leads nowhere.

    leaders: the rows marked best; none where no row may be. few_seeds, few_pairs: rows with a better mean that may not be
    best, for want of trainings or of pairs. rivals: all others, the nearest first.
    """

    metric: Metric
    leaders: list[str]
    mean: float
    low: float
    high: float
    few_seeds: list[str]
    few_pairs: list[str]
    rivals: list[Rival]
    subjects: int
    smallest_p: float  # that the test could give, corrected, if all subjects agreed

    @property
    def ahead(self) -> list[str]:
        """Rows with a better mean than the leaders'."""
        return self.few_seeds + self.few_pairs

    @property
    def level(self) -> list[Rival]:
        """Rivals whose difference a table would print as 0."""
        return [rival for rival in self.rivals if abs(rival.gain) < 0.5 * 10**-self.metric.decimals]

    @property
    def beaten(self) -> list[Rival]:
        """Rivals that are worse, which a test and the interval say."""
        return [r for r in self.rivals if r.p < LEVEL and r.gain > 0 and not r.maybe_none]

    @property
    def tested(self) -> bool:
        return not all(isnan(rival.p) for rival in self.rivals)

    @property
    def verdict(self) -> str:
        """What may be said: `none`, `level`, `untested`, `too few`, `sure`, `partly` or `open`."""
        if len(self.leaders) != 1 or self.level:
            return "level" if self.leaders else "none"
        if self.beaten:
            return "sure" if len(self.beaten) == len(self.rivals) and not self.ahead else "partly"
        if self.rivals and not self.rivals[0].maybe_none:
            if not self.tested:
                return "untested"
            if self.smallest_p >= LEVEL:
                return "too few"
        return "open"


def standings(table: Frame, compared: Frame, learned: Collection[str]) -> list[Standing]:
    """The headline metrics by which the methods of one task are ranked.

    table: the measured rows of the task in tableN.csv, with their marks. compared: its rows in comparisons.csv, which leave
    controls out. learned: methods that need SEEDS_TO_WIN trainings to lead.
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
    leaders = [row for row in ranked if row.get(f"{metric.name}_mark") == "best"]
    best = (leaders or ranked)[0]
    ahead = [row for row in ranked if leaders and sign * (row[metric.name] - best[metric.name]) > 0]
    few_seeds = [row["row"] for row in ahead if row["method"] in learned and row["seeds"] < SEEDS_TO_WIN]
    few_pairs = [row["row"] for row in ahead if row["row"] not in few_seeds]
    names = {(row["method"], row["variant"]): row["row"] for row in ranked}
    rivals = _rivals((best["method"], best["variant"]), compared, names, sign)
    others = {row["row"] for row in (*leaders, *ahead)}
    return Standing(
        metric,
        [row["row"] for row in leaders],
        best[metric.name],
        best.get(f"{metric.name}_low", nan),
        best.get(f"{metric.name}_high", nan),
        few_seeds,
        few_pairs,
        [rival for rival in rivals if rival.row not in others],
        int(compared["subjects"].max()),
        smallest_p(compared),
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
