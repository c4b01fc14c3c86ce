"""Boxes, outlines, ranks, fronts: what figures work out before they draw."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy.stats import rankdata

from regbench.figures.accuracy import draw_accuracy
from regbench.figures.choice import Choice
from regbench.figures.colours import COLOURS
from regbench.figures.contours import readable_labels
from regbench.figures.labels import label_points
from regbench.figures.lines import Line, read_lines
from regbench.figures.pictures import checkerboard, differing_box
from regbench.figures.ranks import critical_difference, draw_ranks, subject_means
from regbench.figures.sheet import sheet
from regbench.figures.slices import PairSlices, RunSlices
from regbench.figures.speed import draw_speed, read_points, set_time_axis, variant_styles
from regbench.figures.style import COLUMN, PAGE, TALLEST, axes_at, blank, styled
from regbench.figures.task import TaskData, Unavailable
from regbench.tables.frames import read_table
from tests.figures.made import write_study


def line(method: str, variant: str = "default", control: bool = False) -> Line:
    return Line(method, variant, f"{method} {variant}", control, "#112233")


def slices(images: dict[str, np.ndarray]) -> PairSlices:
    flat = [np.zeros((40, 30))] * 3
    runs = [
        RunSlices(line(name, control=name == "truth"), "ok", [image] * 3) for name, image in images.items()
    ]
    return PairSlices(flat, [np.ones((40, 30), bool)] * 3, None, flat, None, [(2.0, 2.0)] * 3, runs)


@pytest.mark.parametrize(("row", "column"), [(20, 12), (2, 26), (37, 3)])
def test_the_box_holds_the_place_where_methods_differ_most(row, column):
    images = {
        name: np.zeros((40, 30)) for name in ("syn", "dmi", "greedy", "demons", "bspline", "astray", "truth")
    }
    for name, value in (("syn", 0.1), ("dmi", 0.3), ("greedy", 0.9), ("demons", 0.7)):
        images[name][row - 1 : row + 2, column - 1 : column + 2] = value
    images["astray"][5:20, 5:10] = 1  # one method alone, far off
    images["truth"][25:30, 20:25] = 1  # a control
    top, left, rows, columns = differing_box(slices(images))
    assert top <= row - 1 < row + 1 < top + rows
    assert left <= column - 1 < column + 1 < left + columns
    assert 0 <= top <= 40 - rows
    assert 0 <= left <= 30 - columns


def test_a_checkerboard_takes_squares_of_both_images_in_turn():
    board = checkerboard(np.zeros((16, 8)), np.ones((16, 8)), (1.0, 2.0))  # squares of 2 mm: 2 rows, 1 column
    assert board[0].tolist() == [0, 1] * 4
    assert board[:, 0].tolist() == [0, 0, 1, 1] * 4


def test_outlined_labels_are_round_and_not_small():
    labels = np.zeros((60, 60), int)
    rows, columns = np.mgrid[:60, :60]
    for name, centre in ((3, (15, 15)), (4, (15, 45)), (5, (45, 15))):
        labels[(rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < 100] = name
    labels[40:42, 25:59] = 6  # long and thin
    labels[30, 30] = 7  # one voxel
    assert readable_labels(labels) == [3, 4, 5]
    assert readable_labels(np.zeros((4, 4), int)) == []


@pytest.mark.parametrize("count", [1, 5, 7, 16, 23])
def test_a_sheet_of_many_methods_fits_a_page(count):
    drawn = sheet(
        [f"Method {n} (variant with a long name)" for n in range(count)],
        [(50, 40), (1, 1), (50, 40)],
        [None] * count,
    )
    wide, high = drawn.figure.get_size_inches() * 25.4
    assert wide <= PAGE + 0.1
    assert high <= TALLEST + 0.1
    assert len(drawn.cells) == count


def test_cells_of_very_many_methods_stay_large_enough_to_see():
    drawn = sheet([f"Variant {n}" for n in range(70)], [(50, 40), (1, 1), (50, 40)], [None] * 70)
    wide, _ = drawn.figure.get_size_inches() * 25.4
    assert wide <= PAGE + 0.1
    assert min(cell[0].get_position().width * wide for cell in drawn.cells) > 14


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    made = write_study(tmp_path_factory.mktemp("made"))
    scores = read_table(made.results / "scores.csv")
    return TaskData(
        "task", made.study.tasks["task"], made.results, read_lines(made.results, "task"), scores, [], {"dmi"}
    )


def test_critical_difference_is_that_of_demsars_example():
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)  # Demšar 2006, section 3.2.4


def test_ranks_are_of_means_over_each_fixed_subjects_pairs(task):
    values, left_out = subject_means(task, "dsc")
    assert list(values.columns) == ["SyN", "DMI", "My method"]
    assert left_out == ["Broken"]
    syn = task.scores[
        (task.scores["method"] == "syn") & (task.scores["metric"] == "dsc") & task.scores["label"].isna()
    ]
    assert values["SyN"].to_dict() == pytest.approx(
        {
            name: np.mean([v for f, v in zip(syn["fixed"], syn["value"], strict=True) if f == name])
            for name in "abcd"
        }
    )
    assert (rankdata(-values.to_numpy(), axis=1) == [2, 1, 3]).all()


def test_a_pair_that_one_method_missed_counts_for_none(task):
    scores = task.scores.copy()
    missed = (scores["method"] == "dmi") & (scores["fixed"] == "a") & (scores["moving"] == "b")
    scores.loc[missed, ["status", "value"]] = ["error", np.nan]
    changed = TaskData("task", task.settings, task.results, task.lines, scores, [], {"dmi"})
    before, after = subject_means(task, "dsc")[0], subject_means(changed, "dsc")[0]
    assert after.loc["a", "SyN"] != before.loc["a", "SyN"]
    assert after.loc["b"].equals(before.loc["b"])


def test_ranks_of_two_methods_are_refused_in_words(task):
    few = TaskData("task", task.settings, task.results, task.lines[:3], task.scores, [], {"dmi"})
    with pytest.raises(Unavailable, match="three methods at least; 2"):
        subject_means(few, "dsc")


def test_speed_shows_every_timed_variant_and_its_front(task):
    points = read_points(task)
    timed = points[points["steady_seconds"].notna()]
    assert dict(zip(timed["method"], timed["steady_seconds"], strict=True)) == {
        "syn": 20.0,
        "dmi": 0.2,
        "mine": 3.0,
    }
    assert timed.set_index("method")["on_front_dsc"].to_dict() == {
        "dmi": "True",
        "syn": "False",
        "mine": "False",
    }


def test_variants_of_a_method_differ_by_marker_and_methods_by_both(task):
    lines = [
        replace(line(method, variant), colour=colour)
        for method, variant, colour in (
            ("dmi", "a", COLOURS["dmi"]), ("dmi", "b", COLOURS["dmi"]), ("syn", "default", COLOURS["syn"])
        )
    ]  # fmt: skip
    styles = variant_styles(replace(task, lines=lines))
    assert styles["dmi", "a"][0] == styles["dmi", "b"][0] != styles["syn", "default"][0]
    assert len({marker for _, marker in styles.values()}) == 3
    assert variant_styles(replace(task, lines=lines[2:]))["syn", "default"] == styles["syn", "default"]


@pytest.mark.parametrize("inverted", [False, True])
def test_names_beside_points_cover_neither_points_nor_one_another(inverted):
    rng = np.random.default_rng(3)
    points = [*zip(10 ** rng.uniform(-2, 2, 14), rng.uniform(0.6, 0.8, 14), strict=True)]
    points[1] = points[0]  # one below the other
    with styled():
        figure = blank(COLUMN, 65)
        axes = axes_at(figure, 14, 6, 68, 50)
        axes.set_xscale("log")
        axes.plot(*zip(*points, strict=True), "o", markersize=5)
        if inverted:
            axes.invert_yaxis()
        label_points(axes, points, [f"Method {n} (tuned)" for n in range(14)], np.array(points))
        figure.draw_without_rendering()
    texts = [Text.get_window_extent(text) for text in axes.texts]  # without the links to points
    assert len(texts) == 14
    assert not any(a.overlaps(b) for a, b in combinations(texts, 2))
    at = axes.transData.transform(points)
    assert not any(box.contains(*place) for box in texts for place in at)
    frame = axes.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in texts)


@pytest.mark.parametrize("apart", [0.01, 0.03, 0.06])
def test_a_name_without_a_link_stands_nearest_to_its_own_point(apart):
    """Two points so close that the one's name, on its right, would be beside the other."""
    points = [(0.5, 0.5), (0.5 + apart, 0.5), (0.2, 0.2)]
    with styled():
        figure = blank(COLUMN, 60)
        axes = axes_at(figure, 15, 15, 60, 35)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        label_points(axes, points, ["First", "Second", "Third"], np.array(points))
        figure.draw_without_rendering()
    at = axes.transData.transform(points)
    for n, text in enumerate(axes.texts):
        box = Text.get_window_extent(text).extents
        away = [np.hypot(*np.maximum(np.maximum(box[:2] - p, p - box[2:]), 0)) for p in at]
        assert text.arrow_patch is not None or away[n] <= min(away) + 1


def test_fewer_seeds_and_lost_pairs_are_told_apart(task):
    scores = task.scores.copy()
    lost = (scores["method"] == "syn") & (scores["fixed"] == "a") & (scores["moving"] == "b")
    scores.loc[lost, ["status", "value"]] = ["error", np.nan]
    second = scores[scores["method"] == "dmi"].assign(repetition="1")
    second.loc[second["fixed"] == "c", ["status", "value"]] = ["error", np.nan]
    _, caption = draw_accuracy(replace(task, scores=pd.concat([scores, second])))
    assert "all runs on the pair failed: SyN (1 of 12 pairs), Broken (12 of 12 pairs)." in caption
    assert "From the seeds that did not fail: DMI (3 pairs)." in caption


def test_ranks_say_what_is_not_significant_and_which_methods_may_not_win(task):
    figure, caption = draw_ranks(task)
    assert "not significantly different" in caption
    assert "fewer than 3 training seeds, so that they win nowhere: DMI." in caption
    told = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert f"CD = {critical_difference(3, 4):.2f} " in told
    assert "DMI (1.00) " in told


@pytest.mark.parametrize("draw", [draw_accuracy, draw_ranks, draw_speed])
def test_plots_of_a_few_methods_fit_a_column(task, draw):
    wide, high = draw(task)[0].get_size_inches() * 25.4
    assert wide <= COLUMN + 0.1
    assert high <= TALLEST


def test_seeds_are_told_only_where_something_is_learned(task):
    choice = Choice(("a", "b"), "named in the study")
    assert "first training seed" in task.pair_sentence(choice, "")
    assert "seed" not in replace(task, learned=()).pair_sentence(choice, "")


@pytest.mark.parametrize("factor", [1.05, 1.6, 2.9, 8, 40, 3000])
def test_times_of_any_range_have_a_labelled_tick(factor):
    axes = Figure().add_subplot()
    part = pd.DataFrame({"steady_seconds": [7.4, 7.4 * factor], "dsc": [np.nan, np.nan]})
    set_time_axis(axes, part["steady_seconds"])
    axes.set_xlim(7.4 / 1.2, 7.4 * factor * 1.2)
    low, high = axes.get_xlim()
    assert len([tick for tick in axes.get_xticks() if low <= tick <= high]) >= (2 if factor > 1.5 else 1)
