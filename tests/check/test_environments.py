"""A method whose venv has not been made: an error where a task names it, left out with a warning where none does."""

import pytest

from tests.check.world import World


@pytest.fixture
def world(tmp_path) -> World:
    made = World(tmp_path)
    made.method('command="PYTHON HERE/mine.py FIXED OUT", venv="gone"')
    return made


def test_named_by_a_task_it_is_an_error_told_once(world):
    world.study["tasks"]["again"] = world.task
    found = [problem for problem in world.problems() if "venv gone" in problem.what]
    assert [problem.level for problem in found] == ["error"]


def test_named_by_none_it_is_left_out_with_a_warning(world):
    del world.task["methods"]
    (found,) = [problem for problem in world.problems() if "venv gone" in problem.what]
    assert found.level == "warning"
    assert found.where.endswith("mine.smk")
    assert "method mine is left out" in found.what
    assert "mine" not in world.plan.task_methods("mono")


def test_once_made_it_takes_part(world):
    del world.task["methods"]
    python = world.path("methods") / "gone" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch(0o755)
    assert "mine" in world.plan.task_methods("mono")
