"""Medians of steady seconds with their bootstrap: pairs are drawn, then calls of each drawn pair."""

from collections.abc import Iterable, Sequence

import numpy as np

from regbench.tables.frames import Frame
from regbench.tables.statistics import percentiles

Pair = tuple[str, str]  # fixed, moving


def pairs_of(calls: Frame) -> set[Pair]:
    """The pairs that some call is on."""
    return {*zip(calls["fixed"], calls["moving"], strict=True)}


def seconds_on(calls: Frame, pairs: Iterable[Pair]) -> list[np.ndarray]:
    """Seconds of the calls on each of `pairs`, in their order; every one has some."""
    groups = {pair: part.to_numpy(float) for pair, part in calls.groupby(["fixed", "moving"])["seconds"]}
    return [groups[pair] for pair in pairs]


def resampled_medians(methods: Sequence[list[np.ndarray]], samples: int, seed: int = 0) -> np.ndarray:
    """(len(methods), samples): the median over all calls in each bootstrap sample.

    methods: for each method the seconds of its calls on each pair, pairs in one order. All methods are given the same
    drawn pairs; calls of a drawn pair are drawn for each method by itself.
    """
    rng = np.random.default_rng(seed)
    count = len(methods[0])
    drawn = rng.integers(count, size=(samples, count))
    return np.stack([_medians(pairs, drawn, rng) for pairs in methods])


def interval(resampled: np.ndarray, calls: int) -> tuple[float, float]:
    """95 % interval of resampled values; NaN where they stand on fewer than two calls, which say nothing."""
    return percentiles(resampled) if calls > 1 else (float("nan"), float("nan"))


def _medians(pairs: list[np.ndarray], drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    counts = np.array([len(calls) for calls in pairs])
    table = np.full((len(pairs), counts.max()), np.nan)
    for row, calls in zip(table, pairs, strict=True):
        row[: len(calls)] = calls
    picked = (rng.random((*drawn.shape, counts.max())) * counts[drawn][..., None]).astype(int)
    return np.median(table[drawn[..., None], picked], axis=(1, 2))
