"""The pair and the slices that figures show follow a rule."""

import statistics

import numpy as np
import pandas as pd
import pytest

from regbench.figures.choice import choose_pair, choose_slices, plane
from regbench.geometry.grid import centred_grid
from regbench.study import FigureSettings

RULE = FigureSettings()
VALUES = {("a", "b"): 0.61, ("b", "a"): 0.40, ("a", "c"): 0.75, ("c", "a"): 0.52, ("b", "c"): 0.58}


def rows(method: str, values: dict, metric: str = "dsc", failed: tuple = ()) -> list[dict]:
    return [
        {"fixed": f, "moving": m, "method": method, "variant": "default", "repetition": 0, "metric": metric,
         "label": np.nan, "status": "timeout" if (f, m) in failed else "ok",
         "value": np.nan if (f, m) in failed else value}
        for (f, m), value in values.items()
    ]  # fmt: skip


def shifted(by: float) -> dict:
    return {pair: value + by * n for n, (pair, value) in enumerate(VALUES.items())}


def test_the_pair_is_the_median_of_the_mean_over_methods():
    frame = pd.DataFrame(rows("syn", VALUES) + rows("dmi", shifted(0.03)))
    means = {pair: (VALUES[pair] + shifted(0.03)[pair]) / 2 for pair in VALUES}
    choice = choose_pair(frame, RULE)
    assert choice is not None
    assert means[choice.pair] == pytest.approx(statistics.median(means.values()))
    assert "median of 5 pairs by DSC" in choice.rule


def test_of_two_in_the_middle_the_worse_pair_is_shown():
    four = dict(list(VALUES.items())[:4])
    choice = choose_pair(pd.DataFrame(rows("syn", four)), RULE)
    assert choice is not None
    assert four[choice.pair] == statistics.median_low(four.values())
    error = choose_pair(
        pd.DataFrame(rows("syn", four, "error")), RULE
    )  # less is better: the larger one is worse
    assert error is not None
    assert four[error.pair] == statistics.median_high(four.values())


def test_controls_do_not_choose():
    controls = rows("truth", {pair: 1 - 2 * value for pair, value in VALUES.items()})
    frame = pd.DataFrame(rows("syn", VALUES) + controls)
    assert choose_pair(frame, RULE, ["truth"]) == choose_pair(pd.DataFrame(rows("syn", VALUES)), RULE)


def test_the_first_metric_that_the_task_has_decides():
    turned = {pair: -value for pair, value in VALUES.items()}
    both = pd.DataFrame(rows("syn", turned, "mi") + rows("syn", VALUES, "error"))
    only = choose_pair(pd.DataFrame(rows("syn", VALUES, "error")), RULE)
    assert choose_pair(both, RULE) == only
    alone = choose_pair(pd.DataFrame(rows("syn", turned, "mi")), RULE)
    assert alone is not None
    assert "by MI" in alone.rule


def test_pairs_that_fewer_methods_finished_are_passed_over():
    frame = pd.DataFrame(rows("syn", VALUES) + rows("dmi", VALUES, failed=(("b", "c"),)))
    choice = choose_pair(frame, RULE)
    assert choice is not None
    assert choice.pair == ("c", "a")  # the worse of the two in the middle of the four that are left
    assert choice.rule == "median of the 4 of 5 pairs that most methods finished, by DSC (mean over methods)"


def test_a_pair_named_in_the_study_is_shown_where_the_task_has_it():
    frame = pd.DataFrame(rows("syn", VALUES))
    named = choose_pair(frame, FigureSettings(pair=("b", "a")))
    assert named is not None
    assert (named.pair, named.rule) == (("b", "a"), "named in the study")
    assert choose_pair(frame, FigureSettings(pair=("x", "y"))) == choose_pair(frame, RULE)


def test_where_the_medians_fields_were_dropped_the_nearest_pair_that_has_some_is_shown():
    frame = pd.DataFrame(rows("syn", VALUES))
    choice = choose_pair(frame, RULE, stored={("b", "a"), ("a", "b")})
    assert choice is not None
    assert choice.pair == ("a", "b")
    assert "nearest to the median" in choice.rule
    assert choose_pair(frame, RULE, stored=set()) is None


def test_no_pair_is_chosen_where_all_runs_failed():
    assert choose_pair(pd.DataFrame(rows("syn", VALUES, failed=tuple(VALUES))), RULE) is None


def test_slices_cross_most_label_borders_and_without_labels_most_brain():
    labels = np.zeros((9, 10, 11), int)
    labels[2:7, 3:5, 6:9] = 1
    labels[3, 4, 7] = 2
    (i, j, k), _ = choose_slices(labels > 0, labels, RULE)
    assert (i, j, k) == (3, 4, 7)
    (_, _, k), rule = choose_slices(np.arange(11)[None, None] * np.ones((9, 10, 1)) == 5, None, RULE)
    assert k == 5
    assert "brain" in rule


def test_slices_named_in_the_study_are_taken():
    brain = np.ones((9, 10, 11), bool)
    assert choose_slices(brain, None, FigureSettings(slices=(1, 2, 3)))[0] == (1, 2, 3)


def test_slices_are_seen_with_the_head_or_the_face_up_and_the_patients_right_on_the_left():
    grid = centred_grid((5, 6, 7), (2, 2, 2), np.zeros(3))
    left, posterior, superior = grid.points()
    axial, coronal, sagittal = (2, 3), (1, 3), (0, 3)
    assert (np.diff(plane(left, *axial), axis=1) > 0).all()
    assert (np.diff(plane(posterior, *axial), axis=0) > 0).all()  # down is the back of the head
    assert (np.diff(plane(left, *coronal), axis=1) > 0).all()
    assert (np.diff(plane(superior, *coronal), axis=0) < 0).all()
    assert (np.diff(plane(superior, *sagittal), axis=0) < 0).all()
    assert (np.diff(plane(posterior, *sagittal), axis=1) > 0).all()


def test_the_only_pair_is_no_median():
    choice = choose_pair(pd.DataFrame(rows("syn", {("a", "b"): 0.5})), RULE)
    assert choice is not None
    assert choice.rule == "the only pair"
