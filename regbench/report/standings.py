"""Where the methods of a task stand by each metric, and how sure that is: from the tables' CSV files, in numbers."""

from dataclasses import dataclass
from math import comb

import pandas as pd

from regbench.scores.metrics import METRICS, Metric
from regbench.tables.comparisons import LEVEL
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
    won: bool  # whether comparisons.csv names the leader as the winner


@dataclass(frozen=True)
class Standing:
    """The methods of a task by one metric; `leaders` holds several where their means are the same."""

    metric: Metric
    leaders: list[str]
    mean: float
    low: float
    high: float
    rivals: list[Rival]  # nearest first
    subjects: int
    smallest_p: float  # that the test could give, corrected, if all subjects agreed

    @property
    def beaten(self) -> list[Rival]:
        """Rivals that the leader is better than, whatever it is and however often it was trained."""
        return [rival for rival in self.rivals if rival.p < LEVEL and rival.gain > 0]

    @property
    def verdict(self) -> str:
        """`level`, `untested`, `too few`, `seeds`, `sure`, `partly` or `open`: what may be said of the leader."""
        if len(self.leaders) > 1:
            return "level"
        if all(pd.isna(rival.p) for rival in self.rivals):
            return "untested"
        if not self.beaten:
            return "too few" if self.smallest_p >= LEVEL else "open"
        if not any(rival.won for rival in self.beaten):
            return "seeds"
        return "sure" if len(self.beaten) == len(self.rivals) else "partly"


def standings(table: Frame, compared: Frame) -> list[Standing]:
    """The headline metrics by which the methods of one task are ranked.

    table: the measured rows of the task in tableN.csv. compared: its rows in comparisons.csv, which leave controls out.
    """
    return [
        _standing(METRICS[name], table, rows)
        for name in HEADLINES
        if len(rows := compared[compared["metric"] == name])
    ]


def _standing(metric: Metric, table: Frame, compared: Frame) -> Standing:
    keys = {_key(row, side) for row in compared.to_dict("records") for side in "ab"}
    ranked = [row for row in table.to_dict("records") if (row["method"], row["variant"]) in keys]
    sign = 1 if metric.better == "higher" else -1
    ranked.sort(key=lambda row: -sign * row[metric.name])
    best = ranked[0]
    # A difference of rounding is none.
    leaders = [row for row in ranked if abs(row[metric.name] - best[metric.name]) < 1e-9]
    names = {(row["method"], row["variant"]): row["row"] for row in ranked}
    subjects = int(compared["subjects"].min())
    return Standing(
        metric,
        [row["row"] for row in leaders],
        best[metric.name],
        best.get(f"{metric.name}_low", float("nan")),
        best.get(f"{metric.name}_high", float("nan")),
        _rivals((best["method"], best["variant"]), compared, names, sign),
        subjects,
        min(1.0, comb(len(keys), 2) * 2.0 ** (1 - subjects)) if subjects >= FEWEST_SUBJECTS else 1.0,
    )


def _rivals(leader: tuple[str, str], compared: Frame, names: dict, sign: int) -> list[Rival]:
    rivals = []
    for row in compared.to_dict("records"):
        sides = {_key(row, side): side for side in "ab"}
        if leader in sides:
            turn = sign if sides[leader] == "a" else -sign
            (other,) = sides.keys() - {leader}
            ends = sorted([turn * row["low"], turn * row["high"]])
            won = row["winner"] == "/".join(leader)
            rivals.append(Rival(names[other], turn * row["difference"], *ends, row["p_holm"], won))
    return sorted(rivals, key=lambda rival: rival.gain)


def _key(row: dict, side: str) -> tuple[str, str]:
    return row[f"method_{side}"], row[f"variant_{side}"]
