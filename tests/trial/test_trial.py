"""`regbench test-method` passes a method that is right and tells each classic mistake of one that is not, in words."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from regbench.methods.discovery import discover
from regbench.trial import Finding, trial, try_method
from regbench.trial.mistakes import CANDIDATES, RIGHT, diagnose
from regbench.trial.scenes import grids
from regbench.trial.trial import SHIFT
from tests.test_command_line import ROOT, regbench

HERE = Path(__file__).parent
METHODS = discover([HERE, ROOT / "workflow" / "methods"])


def findings(folder: Path, mistake: str, first: int | None = None) -> dict[str, Finding]:
    found = try_method(METHODS, "wrong", {"mistake": mistake}, folder)
    return {finding.check: finding for finding in islice(found, first)}


def failures(found: dict[str, Finding]) -> list[str]:
    return [check for check, finding in found.items() if finding.outcome == "FAILED"]


def test_a_method_that_is_right_passes_all(tmp_path):
    found = findings(tmp_path, "none")
    assert not failures(found)
    assert found["time limit"].outcome == "skipped"
    assert found["a shift, two contrasts"].outcome == "ok"


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("inverted", "the direction is inverted"),
        ("ras", "RAS instead of LPS: turn"),
        ("voxels", "voxels instead of mm: multiply"),
        ("along the grid", "mm along the grid's axes"),
        ("zyx", "in the order z, y, x"),
        ("twice", "the affine is applied twice"),
        ("nothing", "hardly anything of the shift"),
        ("axes", r"expected an array of floats (3, 48, 56, 40)"),
    ],
)
def test_a_classic_mistake_is_named(mistake, words, tmp_path):
    found = findings(tmp_path, mistake, first=3)
    assert len(failures(found)) == 3
    assert all(words in finding.words for finding in found.values())


@pytest.mark.parametrize(
    ("how", "words"),
    [("nowhere", "its header has no grid"), ("lps", "turned from RAS to LPS"), ("elsewhere", "origin ")],
)
def test_a_field_on_a_wrong_grid_is_told_with_what_is_wrong_about_it(how, words, tmp_path):
    found = list(islice(try_method(METHODS, "misplaced", {"how": how}, tmp_path), 3))
    assert {finding.outcome for finding in found} == {"FAILED"}
    assert all(words in finding.words for finding in found), found


@pytest.mark.parametrize(
    ("mistake", "check"),
    [("unseeded", "the same seed twice"), ("restless", "identical images")],
)
def test_other_faults_fail_the_check_that_is_for_them(mistake, check, tmp_path):
    assert failures(findings(tmp_path, mistake)) == [check]


def test_more_threads_than_one_fail_however_busy_the_machine_is(tmp_path):
    found = findings(tmp_path, "threads")
    assert failures(found) == ["one thread"]
    assert 1.5 < float(found["one thread"].words.split()[0]) < 2.2


def test_one_thread_at_work_passes_however_many_its_start_has(tmp_path):
    found = findings(tmp_path, "busy")
    assert not failures(found)
    assert float(found["one thread"].words.split()[0]) < 1.25


def test_a_slow_and_large_method_is_stopped_at_its_limits(tmp_path):
    found = findings(tmp_path, "slow")
    assert found["time limit"].words.endswith("timeout")
    assert found["memory limit"].words.endswith("oom")
    assert not failures(found)


def test_a_limit_that_stops_nothing_fails(tmp_path, monkeypatch):
    run = trial._Trial.run
    monkeypatch.setattr(
        trial._Trial, "run", lambda self, pair, where, grid, **limits: run(self, pair, where, grid)
    )
    assert failures(findings(tmp_path, "slow")) == ["time limit", "memory limit"]


@pytest.mark.parametrize("name", CANDIDATES)
def test_each_mistake_is_told_from_all_others_with_some_error_on_it(name):
    rng, matrix = np.random.default_rng(0), np.eye(4)
    matrix[:3, 3] = [9.0, -14.0, 6.0]
    found = []
    for grid in grids().values():
        points = grid.points().reshape(3, -1)[:, ::97]
        exact = CANDIDATES[name](SHIFT, points, grid, matrix)
        found.append((exact + rng.normal(0, 0.5, points.shape), points, grid))
    assert diagnose(found, SHIFT, matrix) == name
    assert RIGHT in CANDIDATES


def test_an_untrained_network_is_run_but_what_it_finds_is_not_judged(tmp_path):
    options = METHODS["dmi_fast"].options
    found = {f.check: f for f in try_method(METHODS, "dmi_fast", options, tmp_path)}
    assert not failures(found)
    assert "needs a trained model" in found["a shift, LAS grid"].words


def test_the_command_ends_with_3_when_a_check_fails_and_tells_which():
    done = regbench("test-method", "wrong", "--methods", str(HERE), "--set", "mistake=ras")
    assert done.returncode == 3
    assert "FAILED   a shift, LAS grid" in done.stdout
    assert "of its checks failed" in done.stderr


def test_a_control_has_nothing_to_try():
    done = regbench("test-method", "identity")
    assert done.returncode == 2
    assert "is a control" in done.stderr
