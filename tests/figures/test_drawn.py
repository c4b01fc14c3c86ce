"""Boxes, outlines, ranks, fronts: what figures work out before they draw."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from regbench.figures.contours import readable_labels
from regbench.figures.lines import Line, read_lines
from regbench.figures.pictures import checkerboard, differing_box
from regbench.figures.ranks import critical_difference, subject_means
from regbench.figures.sheet import sheet
from regbench.figures.slices import PairSlices, RunSlices
from regbench.figures.speed import read_points, variant_styles
from regbench.figures.style import PAGE, TALLEST
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
        "task", made.study.tasks["task"], made.results, read_lines(made.results, "task"), scores, []
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
    changed = TaskData("task", task.settings, task.results, task.lines, scores, [])
    before, after = subject_means(task, "dsc")[0], subject_means(changed, "dsc")[0]
    assert after.loc["a", "SyN"] != before.loc["a", "SyN"]
    assert after.loc["b"].equals(before.loc["b"])


def test_ranks_of_two_methods_are_refused_in_words(task):
    few = TaskData("task", task.settings, task.results, task.lines[:3], task.scores, [])
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


def test_variants_of_a_method_differ_by_marker_and_share_its_colour(task):
    lines = [line("dmi", "a"), line("dmi", "b"), line("syn")]
    styles = variant_styles(TaskData("task", task.settings, task.results, lines, pd.DataFrame(), []))
    assert styles["dmi", "a"][0] == styles["dmi", "b"][0]
    assert styles["dmi", "a"][1] != styles["dmi", "b"][1]
    assert styles["syn", "default"][1] == styles["dmi", "a"][1]
