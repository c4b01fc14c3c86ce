"""What `regbench new-method` writes is found, runs, and moves points the right way."""

import numpy as np
import pytest

from regbench.geometry.fields import read_field
from regbench.geometry.images import write_volume
from regbench.methods.discovery import discover
from regbench.new_method import new_method
from regbench.records import read_record
from regbench.runs.batch import run_batch
from regbench.study import LimitSettings
from tests.methods import blobs
from tests.test_command_line import regbench

SHIFT = np.array([2.5, -2.0, 1.5])


@pytest.mark.parametrize("command", [False, True], ids=["python", "command"])
@pytest.mark.parametrize("grid", ["oblique", "las"])
def test_the_example_recovers_a_shift(command, grid, tmp_path):
    new_method("my_method", tmp_path, command)
    method, place = discover([tmp_path])["my_method"], blobs.grids()[grid]
    assert method.label == "My method"
    pair = {"pair": "a__b", "status": "ok", "message": "", "truth": None}
    for side, volume in zip(("fixed", "moving"), blobs.pair(place, SHIFT), strict=True):
        path = tmp_path / f"{side}.nii.gz"
        write_volume(path, volume.data, place)
        pair[side] = {"subject": side, "contrast": "T1w", "image": str(path), "mask": None}
    run_batch(
        [pair], method, method.options, task="new", variant="default", repetition=0, model_record=None,
        folder=tmp_path / "runs", threads=1, device="cpu", limits=LimitSettings(run_seconds=120), seed=0,
        code_fingerprint="test", timed=False, repetitions=1,
    )  # fmt: skip
    record = read_record(tmp_path / "runs" / "a__b.json")
    assert record["status"] == "ok", record["log_tail"]
    field, _ = read_field(record["field"])
    assert np.linalg.norm(field.mean(axis=(1, 2, 3)) - SHIFT) < 0.5


def test_the_command_tells_what_it_wrote_and_refuses_to_write_over_it(tmp_path):
    done = regbench("new-method", "mine", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"wrote {tmp_path / 'mine.smk'}" in done.stdout
    again = regbench("new-method", "mine", "--folder", str(tmp_path), "--command")
    assert again.returncode == 2
    assert "already there" in again.stderr


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *[
            (name, "expected a name of letters")
            for name in ("My-Method", "1st", "class", "", "a__b", "a_", "_a")
        ],
        *[(name, "a rule of the workflow") for name in ("run", "train", "figures", "all")],
        *[(name, "a Python module is called so") for name in ("ants", "itk", "torch", "random", "regbench")],
    ],
)
def test_names_that_would_break_something_are_refused(name, why, tmp_path):
    with pytest.raises(ValueError, match=why):
        new_method(name, tmp_path, command=False)
    assert not list(tmp_path.iterdir())


def test_where_regbench_is_installed_a_folder_of_ones_own_is_asked_for(tmp_path):
    folder = tmp_path / "site-packages" / "regbench" / "pipeline" / "workflow" / "methods"
    folder.mkdir(parents=True)
    with pytest.raises(ValueError, match=r"give one of yours with --folder.*method_folders"):
        new_method("mine", folder, command=False)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        new_method("mine", tmp_path / "nowhere", command=False)
