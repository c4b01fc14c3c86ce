"""Every two methods of a task against each other, on the metrics they are ranked by."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from regbench.scores.metrics import METRICS, Modality
from regbench.tables.frames import Frame
from regbench.tables.statistics import SubjectBootstrap, holm, paired_p, rank_biserial
from regbench.tables.summary import PAIR, Method, pair_values, seeds_of

SEEDS_TO_WIN = 3
LEVEL = 0.05
COLUMNS = [
    "task", "metric", "method_a", "variant_a", "method_b", "variant_b", "pairs", "subjects",
    "difference", "low", "high", "p", "p_holm", "effect", "winner",
]  # fmt: skip
Key = tuple[str, str]


def compare(
    scores: Frame, task: str, modality: Modality, methods: Mapping[str, Method], samples: int
) -> Frame:
    """Differences a - b on pairs that both have, with bootstrap interval and Holm-corrected Wilcoxon p by metric.

    scores: one task's rows. Controls are left out. `winner` is the better one where p_holm < 0.05, and stays empty
    when that is a learned method with fewer than three training seeds.
    """
    groups = {
        (str(method), str(variant)): rows
        for (method, variant), rows in scores.groupby(["method", "variant"], sort=False)
        if not (method in methods and methods[str(method)].control)
    }
    values = {key: pair_values(rows) for key, rows in groups.items()}
    winners = {key for key, rows in groups.items() if may_win(key[0], seeds_of(rows), methods)}
    rows = []
    for metric in METRICS.values():
        if modality in metric.ranked:
            having = [key for key in values if metric.name in values[key]]
            family = [_named(metric.name, a, b, values, samples) for a, b in combinations(having, 2)]
            sign = 1 if metric.better == "higher" else -1
            rows += _with_winners([row for row in family if row], sign, winners)
    return pd.DataFrame([{"task": task, **row} for row in rows], columns=COLUMNS)


def may_win(method: str, seeds: int, methods: Mapping[str, Method]) -> bool:
    """Whether a row may be called better than others: a learned method needs three training seeds."""
    return seeds >= SEEDS_TO_WIN or not (method in methods and methods[method].learned)


def difference(metric: str, a: Frame, b: Frame, samples: int) -> dict | None:
    """a - b on the pairs that both have (rows of `pair_values`): mean, interval, Wilcoxon p, rank-biserial effect; or None."""
    both = a.merge(b, on=PAIR, suffixes=("_a", "_b"))
    both = both[both[f"{metric}_a"].notna() & both[f"{metric}_b"].notna()]
    if both.empty:
        return None
    x, y = both[f"{metric}_a"], both[f"{metric}_b"]
    low, high = SubjectBootstrap(both["fixed"], both["moving"], samples).interval((x - y).to_numpy())
    p, subjects = paired_p(x, y, both["fixed"])
    numbers = {"difference": (x - y).mean(), "low": low, "high": high, "p": p}
    return {
        "pairs": len(both),
        "subjects": subjects,
        **numbers,
        "effect": rank_biserial(x, y, both["fixed"]),
    }


def _named(metric: str, a: Key, b: Key, values: dict[Key, Frame], samples: int) -> dict | None:
    found = difference(metric, values[a], values[b], samples)
    names = dict(zip(("method_a", "variant_a", "method_b", "variant_b"), (*a, *b), strict=True))
    return found and {"metric": metric, **names, **found}


def _with_winners(family: list[dict], sign: int, winners: set[Key]) -> list[dict]:
    corrected = holm(np.array([row["p"] for row in family], float))
    return [
        row | {"p_holm": p, "winner": _winner(row, p, sign, winners)}
        for row, p in zip(family, corrected, strict=True)
    ]


def _winner(row: dict, p: float, sign: int, winners: set[Key]) -> str:
    side = "a" if sign * row["difference"] > 0 else "b"
    key = (row[f"method_{side}"], row[f"variant_{side}"])
    return "/".join(key) if p < LEVEL and key in winners else ""
