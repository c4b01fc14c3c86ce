"""Files are read once, and again when they change."""

import os

import numpy as np
import pytest

from regbench.check import files
from regbench.check.files import check_files
from regbench.workflow import Workflow
from tests.check.world import World

COUNT = 24  # two images, labels and a mask of six subjects


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def check(world):
    return check_files(Workflow.from_file(world.write(), world.folder / "results"), threads=2)


def test_a_second_check_reads_nothing_and_tells_the_same(world):
    world.scan("s5_T1w.nii.gz", np.full((10, 11, 12), 7.0))
    first, second = check(world), check(world)
    assert (first.files, first.read, second.read) == (COUNT, COUNT, 0)
    assert len(first.problems) == 1
    assert second.problems == first.problems


def test_a_changed_file_and_a_new_one_are_read_alone(world):
    check(world)
    world.scan("s5_T1w.nii.gz")
    world.scan("new.nii.gz")
    world.rows[0]["image"] = "new.nii.gz"
    assert check(world).read == 2


def test_a_file_that_could_not_be_read_is_looked_at_again_when_its_rights_change(world):
    check(world)
    os.chmod(world.path("s5_T1w.nii.gz"), 0o600)
    assert check(world).read == 1


def test_other_rules_read_all_again(world, monkeypatch):
    check(world)
    monkeypatch.setattr(files, "fingerprint", lambda _: "another code")
    assert check(world).read == COUNT


def test_what_is_remembered_may_be_lost_or_spoilt(world):
    check(world)
    (world.folder / "results" / "tiny" / files.REMEMBERED).write_text("{half of it")
    assert check(world).read == COUNT


def test_a_stopped_check_goes_on_where_it_was(world, monkeypatch):
    read, seen = files.examine, []

    def stopped(file, memory_gb):
        seen.append(file)
        if len(seen) > 10:
            raise KeyboardInterrupt
        return read(file, memory_gb)

    monkeypatch.setattr(files, "examine", stopped)
    with pytest.raises(KeyboardInterrupt):
        check(world)
    monkeypatch.setattr(files, "examine", read)
    assert check(world).read <= COUNT - 5
