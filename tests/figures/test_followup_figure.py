"""The picture of a follow-up: what is outlined where, worked out before anything is drawn."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from regbench.figures.colours import AFTER, BEFORE, FIXED
from regbench.figures.followup import draw_followup, lesion_window
from regbench.figures.lines import Line
from regbench.figures.names import asked_of
from regbench.figures.slices import PairSlices, RunSlices
from regbench.figures.task import Unavailable

SHAPE, MM = (60, 50), (2.0, 2.0)


def square(top: int, left: int, size: int = 6) -> np.ndarray:
    labels = np.zeros(SHAPE, int)
    labels[top : top + size, left : left + size] = 1
    return labels


def visits(**changes) -> PairSlices:
    """Two visits and a method that brings the lesion half of the way."""
    run = RunSlices(
        Line("syn", "default", "SyN", False, "#112233"), "ok", [np.full(SHAPE, 0.5)] * 3, [square(21, 21)] * 3
    )
    flat, brain = [np.zeros(SHAPE)] * 3, [np.ones(SHAPE, bool)] * 3
    pair = PairSlices(
        flat, brain, [square(22, 22)] * 3, [np.ones(SHAPE)] * 3, [square(20, 20)] * 3, [MM] * 3, [run]
    )
    return replace(pair, **changes)


def outlines(axes) -> set[str]:
    return {to_hex(each.get_edgecolor()[0]).upper() for each in axes.collections}


def test_the_window_holds_both_lesions_with_room_and_ends_at_the_slice():
    rows, columns = lesion_window([square(20, 2), square(24, 40)], MM)
    assert (rows.start, rows.stop) == (14, 36)  # 12 mm are six pixels
    assert (columns.start, columns.stop) == (0, 50)


def test_each_cell_outlines_what_is_known_there_and_the_lesion_once_more_on_the_later_scan():
    figure, caption = draw_followup(visits(), mono=True)
    panels = [figure.axes[k : k + 3] for k in range(0, 9, 3)]
    assert [axes[0].get_title() for axes in panels] == ["Later scan (fixed)", "First scan, affine", "SyN"]
    assert [outlines(axes[0]) for axes in panels] == [{FIXED}, {BEFORE}, {AFTER}]
    assert [outlines(axes[1]) for axes in panels] == [{FIXED}, {FIXED, BEFORE}, {FIXED, BEFORE, AFTER}]
    left_over = [axes[2].get_images() for axes in panels]
    assert not left_over[0]
    assert left_over[1][0].get_array().max() == 1  # |later scan - first scan|
    assert left_over[2][0].get_array().max() == 0.5
    assert "as carried (cyan)" in caption


def test_without_a_later_label_the_others_are_outlined():
    figure, _ = draw_followup(visits(labels=None), mono=False)
    assert [outlines(axes) for axes in figure.axes[1:9:3]] == [set(), {BEFORE}, {BEFORE, AFTER}]


def test_a_slice_without_the_lesion_of_the_first_scan_is_no_picture():
    with pytest.raises(Unavailable, match="no label in the slice"):
        draw_followup(visits(moving_labels=[np.zeros(SHAPE, int)] * 3), mono=True)


def test_a_method_that_failed_has_its_status_in_its_cell():
    failed = RunSlices(Line("syn", "default", "SyN", False, "#112233"), "timeout")
    figure, _ = draw_followup(visits(runs=[failed]), mono=True)
    assert "timeout" in {text.get_text() for axes in figure.axes for text in axes.texts}


def test_only_a_follow_up_is_asked_for_its_picture():
    asked = [asked_of("t", "mono", True, False, False, followup) for followup in (True, False)]
    assert ["followup" in {figure.kind for figure in each} for each in asked] == [True, False]
