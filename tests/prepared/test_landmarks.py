"""Landmarks through preparation: carried by both sides, matched once, measured after the affine."""

import numpy as np
import pytest

from regbench.geometry.grid import apply_affine
from regbench.geometry.images import read_grid
from regbench.geometry.landmarks import Landmarks, write_landmarks
from regbench.prepared.landmarks import landmark_pairs
from regbench.scores.landmarks import target_registration_error
from regbench.scores.metrics import METRICS
from regbench.scores.pair import expected_for
from tests.prepared.phantoms import task_with, transform_of, write_head
from tests.prepared.test_pair import prepare

ANATOMY = np.array([[5.0, -7, 4], [-14, 15, -5], [0, 20, 0], [8, -20, 9]]).T  # head space, LPS mm
FAR = transform_of((30, -20, 15), (1.05, 1, 0.96), (60, 10, -40))


def with_landmarks(data, transform, folder, points=ANATOMY, names="abcd", kind="csv"):
    path = folder / f"{data['subject']}_marks.{kind}"
    write_landmarks(path, Landmarks(apply_affine(transform, points), list(names) if names else None))
    data["landmarks"] = dict.fromkeys(("T1w", "T2w"), str(path))
    return data


def heads(folder, **second):
    return [
        with_landmarks(write_head(folder, "a"), np.eye(4), folder),
        with_landmarks(write_head(folder, "b", FAR, flips=(-1, 1, 1)), FAR, folder, **second),
    ]


@pytest.mark.parametrize("mode", ["pairwise", "none"])
def test_what_the_affine_leaves_is_the_error_of_the_identity(tmp_path, mode):
    (pair,) = prepare(task_with(mode), heads(tmp_path, kind="fcsv"), [("a", "b")], tmp_path)
    assert pair["moving"]["landmarks"] == str(tmp_path / "b_marks.fcsv")
    grid = read_grid(pair["fixed"]["image"])
    fixed, moving = landmark_pairs(pair["fixed"], pair["moving"])
    still = np.zeros((3, *grid.shape), np.float32)
    to_original = np.array(pair["moving"]["to_original"])
    error = target_registration_error(fixed, moving, still, grid, to_original)
    expected = np.linalg.norm(apply_affine(to_original, ANATOMY) - apply_affine(FAR, ANATOMY), axis=0).mean()
    assert error == pytest.approx(expected, abs=1e-4)
    assert error < 3 if mode == "pairwise" else error > 50


def left_out(pair, caplog):
    """The message of a pair that is as it should be but for its landmarks."""
    assert pair["status"] == "ok"
    assert (pair["fixed"]["landmarks"], pair["moving"]["landmarks"]) == (None, None)
    assert METRICS["tre"] not in expected_for(pair)
    assert f"pair a__b: {pair['message']}" in [
        r.getMessage() for r in caplog.records if r.levelname == "WARNING"
    ]
    return pair["message"]


def test_landmarks_that_do_not_match_are_left_out_and_both_files_named(tmp_path, caplog):
    (pair,) = prepare(task_with("none"), heads(tmp_path, names="wxyz"), [("a", "b")], tmp_path)
    message = left_out(pair, caplog)
    assert "a_marks.csv and" in message
    assert "landmarks do not match (4 named a, b, c, …; 4 named w, x, y, …)" in message


def test_fixed_landmarks_outside_the_task_s_grid_are_left_out(tmp_path, caplog):
    near, far = heads(tmp_path)
    (pair,) = prepare(task_with("none", shape=(24, 12, 22)), [near, far], [("a", "b")], tmp_path)
    outside = "a_marks.csv: outside the task's grid; make it larger (LPS mm): c (0.0, 20.0, 0.0)"
    assert outside in left_out(pair, caplog)


def test_a_pair_of_which_one_side_has_no_landmarks_is_prepared_as_ever(tmp_path):
    data = heads(tmp_path)
    data[1]["landmarks"] = {}
    (pair,) = prepare(task_with("none"), data, [("a", "b")], tmp_path)
    assert (pair["status"], pair["moving"]["landmarks"]) == ("ok", None)
    assert landmark_pairs(pair["fixed"], pair["moving"]) is None
