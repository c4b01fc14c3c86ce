"""The machine's lock, held by several processes."""

import pytest

from regbench.runs.lock import lock_path, machine_lock


def test_sharing_runs_go_together_and_a_timed_run_goes_alone(holder):
    first, second = holder("shared"), holder("shared")
    assert first.read() == second.read() == "holds"
    alone = holder("exclusive")
    assert alone.waits()
    first.release()
    assert alone.waits()
    second.release()
    assert alone.read() == "holds"
    other, late = holder("exclusive"), holder("shared")
    assert other.waits()
    assert late.waits()


def test_newcomers_queue_behind_one_who_waits_alone(holder):
    first = holder("shared")
    assert first.read() == "holds"
    alone = holder("exclusive")
    assert alone.waits()
    newcomer = holder("shared")
    assert newcomer.waits()
    first.release()
    assert alone.read() == "holds"
    assert newcomer.waits()
    alone.release()
    assert newcomer.read() == "holds"


@pytest.mark.parametrize("mode", ["shared", "exclusive"])
def test_a_killed_holder_lets_go(holder, mode):
    dead = holder(mode)
    assert dead.read() == "holds"
    dead.process.kill()
    alone = holder("exclusive")
    assert alone.read() == "holds"


def test_asking_twice_is_refused_and_the_files_are_everybodys():
    with machine_lock("shared"):
        with pytest.raises(RuntimeError, match="already"), machine_lock("shared"):
            pass
        assert lock_path().stat().st_mode & 0o777 == 0o666
    with machine_lock("exclusive"):
        pass


def test_the_default_is_one_place_for_all_jobs_of_the_machine(monkeypatch, tmp_path):
    monkeypatch.delenv("REGBENCH_LOCK")
    before = lock_path()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert lock_path() == before
