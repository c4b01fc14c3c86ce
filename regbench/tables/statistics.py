"""Statistics of scores whose pairs share subjects, and so are not independent."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata, wilcoxon

from regbench.tables.frames import Column

FEWEST_SUBJECTS = 3  # below that, resampling subjects says nothing


class SubjectBootstrap:
    """Bootstrap over subjects in both roles: a pair counts as often as its fixed and its moving subject were drawn."""

    def __init__(self, fixed: Column, moving: Column, samples: int, seed: int = 0):
        names = sorted({*fixed, *moving})
        draws = np.random.default_rng(seed).multinomial(
            len(names), np.full(len(names), 1 / len(names)), samples
        )
        f, m = (pd.Index(names).get_indexer(pd.Index(role)) for role in (fixed, moving))
        # A subject paired with itself (two contrasts of one scan session) was drawn once for both roles.
        weights = np.where(f == m, draws[:, f], draws[:, f] * draws[:, m]).astype(float)
        total = weights.sum(axis=1, keepdims=True)
        self.weights = (weights / np.where(total > 0, total, 1))[total[:, 0] > 0]  # (samples, pairs)
        self.enough = len(names) >= FEWEST_SUBJECTS

    def interval(self, values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
        """Percentile interval of the mean over pairs; NaN with fewer than three subjects or a value missing."""
        if not self.enough or np.isnan(values).any():
            return float("nan"), float("nan")
        return percentiles(self.weights @ np.asarray(values, float), level)


def percentiles(resampled: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The interval that holds the middle `level` of a statistic's bootstrap samples."""
    tail = 50 * (1 - level)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return float(low), float(high)


def paired_p(a: Column, b: Column, fixed: Column) -> tuple[float, int]:
    """Two-sided Wilcoxon signed-rank p of a - b on per-fixed-subject means, and the number of subjects.

    a, b: one value a pair; fixed: the pair's fixed subject. NaN with fewer than three subjects, 1 without differences.
    """
    differences = (a - b).groupby(fixed).mean().to_numpy()
    if len(differences) < FEWEST_SUBJECTS:
        return float("nan"), len(differences)
    if not differences.any():
        return 1.0, len(differences)
    test: Any = wilcoxon(differences)  # scipy does not declare its result
    return float(test.pvalue), len(differences)


def rank_biserial(a: Column, b: Column, fixed: Column) -> float:
    """The effect size that belongs to `paired_p`: the matched-pairs rank-biserial correlation of a - b (Kerby 2014).

    The share of the signed ranks that is for a, less the share that is for b: 1 where a is larger for every fixed subject,
    -1 where b is. NaN with fewer than three subjects, 0 without differences.
    """
    differences = (a - b).groupby(fixed).mean().to_numpy()
    if len(differences) < FEWEST_SUBJECTS:
        return float("nan")
    differences = differences[differences != 0]
    ranks = rankdata(np.abs(differences))
    return float((np.sign(differences) * ranks).sum() / ranks.sum()) if len(ranks) else 0.0


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's correction (1979) of a family of p values; NaN entries are no tests and stay NaN."""
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN sorts last
    corrected = np.full(len(p), np.nan)
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
