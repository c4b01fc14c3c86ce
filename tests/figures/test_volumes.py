"""What figures show is what was scored, and a run without a field is told by its status."""

from pathlib import Path

import numpy as np
import pytest

from regbench.figures.lines import Line, read_lines
from regbench.figures.volumes import find_pair, stored_pairs
from regbench.records import read_record, write_record
from regbench.scores.overlap import dice, mean_over_labels
from regbench.scores.pair import score_pair
from regbench.scores.similarity import psnr, ssim
from tests.figures.made import write_study


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("made"))


def volumes(made):
    return find_pair(made.results, "task", "a__b", made.runs, made.study.scores)


def record_of(made, method: str) -> dict:
    return read_record(made.results / "runs" / "task" / method / "default" / "r0_b0" / "a__b.json")


@pytest.mark.parametrize("method", ["identity", "syn", "truth"])
def test_the_volumes_shown_have_the_scores_of_the_run(made, method):
    scored = {
        row["metric"]: float(row["value"])
        for row in score_pair(made.pair, record_of(made, method), made.study.scores)
        if row["label"] == "" and row["value"]
    }
    pair = volumes(made)
    run, fixed = pair.run(Line(method, "default", method, False, "#000000")), pair.fixed
    assert psnr(fixed.image.data, run.warped) == pytest.approx(scored["psnr"], rel=1e-5)
    assert ssim(fixed.image.data, run.warped, fixed.brain)[1] == pytest.approx(scored["ssim_brain"], rel=1e-5)
    assert mean_over_labels(dice(fixed.labels, run.labels)) == pytest.approx(scored["dsc"], rel=1e-5)
    assert run.error[fixed.brain].mean() == pytest.approx(scored["error"], rel=1e-4, abs=1e-6)
    assert 100 * (run.jacobian[fixed.brain] <= 0).mean() == pytest.approx(scored["folding"], abs=1e-6)


def test_the_moving_image_shown_is_the_one_that_identity_is_scored_on(made):
    pair = volumes(made)
    identity = pair.run(Line("identity", "default", "Affine", True, "#000000"))
    assert np.array_equal(pair.moving, identity.warped)
    assert np.array_equal(pair.moving_labels, identity.labels)


def test_failed_dropped_and_missing_runs_have_a_status_and_no_volume(made, tmp_path):
    copy = write_study(tmp_path)
    folder = copy.results / "runs" / "task" / "syn" / "default" / "r0_b0"
    write_record(folder / "a__b.json", record_of(copy, "syn") | {"field": None})
    (folder / "a__b.nii.gz").unlink()
    pair = volumes(copy)
    found = {
        name: pair.run(Line(name, "default", name, False, "#000000"))
        for name in ("broken", "syn", "nowhere", "dmi")
    }
    assert [run.status for run in found.values()] == ["timeout", "dropped", "missing", "ok"]
    assert [run.warped is None for run in found.values()] == [True, True, True, False]
    assert stored_pairs(copy.results, "task", copy.runs) == set()
    assert stored_pairs(made.results, "task", made.runs) == {("a", "b")}


def test_lines_are_those_of_the_tables_in_their_order(made):
    lines = read_lines(made.results, "task")
    assert [line.label for line in lines] == ["Affine", "SyN", "DMI", "Broken", "My method", "Truth"]
    assert [line.method for line in lines if line.control] == ["identity", "truth"]


def test_a_pair_that_no_batch_holds_is_told(made):
    with pytest.raises(FileNotFoundError, match="no batch of task task holds the pair x__y"):
        find_pair(made.results, "task", "x__y", made.runs, made.study.scores)


def test_files_that_records_name_from_the_studys_root_are_found_from_anywhere(tmp_path, monkeypatch):
    copy = write_study(tmp_path)
    paths = [*copy.results.rglob("test_b0.json"), *copy.results.glob("runs/task/*/*/*/*.json")]
    for path in paths:
        path.write_text(path.read_text().replace(f'"{tmp_path}/', '"'))
    pair = find_pair(copy.results, "task", "a__b", copy.runs, copy.study.scores)
    assert not pair.record["fixed"]["image"].startswith("scans")
    assert pair.run(Line("syn", "default", "SyN", False, "#000000")).warped is not None
    monkeypatch.chdir(copy.results)
    there = find_pair(Path(), "task", "a__b", copy.runs, copy.study.scores)
    assert np.array_equal(there.moving, pair.moving)
