from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, wilcoxon
from statsmodels.stats.multitest import multipletests

from regbench.tables.statistics import SubjectBootstrap, holm, paired_p, rank_biserial


def ordered_pairs(subjects: int) -> tuple[pd.Series, pd.Series]:
    fixed, moving = zip(*permutations([f"s{k}" for k in range(subjects)], 2), strict=True)
    return pd.Series(fixed), pd.Series(moving)


def test_within_subject_pairs_give_scipy_s_bootstrap_of_the_mean():
    names = pd.Series([f"s{k}" for k in range(25)])
    values = np.random.default_rng(0).gamma(2.0, size=25)
    ours = SubjectBootstrap(names, names, samples=20000).interval(values)
    theirs = bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=1).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), rel=0.02)


def test_shared_subjects_widen_the_interval_beyond_that_of_independent_pairs():
    fixed, moving = ordered_pairs(8)
    effect = dict(zip(sorted(set(fixed)), np.random.default_rng(1).standard_normal(8), strict=True))
    values = (fixed.map(effect) + moving.map(effect)).to_numpy()
    low, high = SubjectBootstrap(fixed, moving, 4000).interval(values)
    naive = bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    assert high - low > 1.5 * (naive.high - naive.low)
    assert low < values.mean() < high


def test_the_interval_is_the_same_every_time_and_a_point_for_constants():
    fixed, moving = ordered_pairs(4)
    values = np.arange(12.0)
    first, second = (SubjectBootstrap(fixed, moving, 300).interval(values) for _ in range(2))
    assert first == second
    assert SubjectBootstrap(fixed, moving, 300).interval(np.full(12, 0.5)) == pytest.approx((0.5, 0.5))


def test_two_subjects_are_too_few_for_an_interval_or_a_test():
    fixed, moving = ordered_pairs(2)
    assert np.isnan(SubjectBootstrap(fixed, moving, 200).interval(np.array([0.1, 0.2]))).all()
    p, subjects = paired_p(pd.Series([0.1, 0.2]), pd.Series([0.3, 0.1]), fixed)
    assert np.isnan(p)
    assert subjects == 2


def test_the_test_is_scipy_s_wilcoxon_on_means_of_fixed_subjects():
    fixed, _ = ordered_pairs(7)
    rng = np.random.default_rng(2)
    a, b = (pd.Series(rng.standard_normal(42)) for _ in range(2))
    means = [(a - b)[fixed == name].mean() for name in sorted(set(fixed))]
    assert paired_p(a, b, fixed) == (pytest.approx(wilcoxon(means).pvalue), 7)
    assert paired_p(a, a, fixed) == (1.0, 7)


@pytest.mark.parametrize("size", [1, 5, 20])
def test_holm_agrees_with_statsmodels(size):
    p = np.random.default_rng(size).random(size) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_is_step_down_and_leaves_missing_tests_out():
    assert holm(np.array([0.01, 0.04, np.nan, 0.03])) == pytest.approx(
        [0.03, 0.06, np.nan, 0.06], nan_ok=True
    )
    assert np.isnan(holm(np.array([np.nan]))).all()


def test_rank_biserial_is_the_share_of_signed_ranks_for_a_less_that_for_b():
    fixed = pd.Series(list("aabbccdd"))
    b = pd.Series(np.zeros(8))
    a = pd.Series([1, 3, -1, -1, 4, 4, 0, 6], dtype=float)  # means 2, -1, 4, 3: ranks 2, 1, 4, 3 of 10
    assert rank_biserial(a, b, fixed) == pytest.approx((2 + 4 + 3 - 1) / 10)
    assert rank_biserial(b, a, fixed) == pytest.approx(-0.8)
    assert rank_biserial(b, b, fixed) == 0
    assert np.isnan(rank_biserial(a[:4], b[:4], fixed[:4]))
