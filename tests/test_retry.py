"""What `regbench retry` forgets; through Snakemake in tests/pipeline/test_failures.py."""

from pathlib import Path

import pytest

from regbench.records import write_record, write_text
from regbench.retry import forget

RUN = "runs/mono/{}/{}/r0_val"


@pytest.fixture
def results(tmp_path) -> Path:
    """Two methods that were tuned; a setting of one failed on its validation pair."""
    write_record(tmp_path / "study.json", {})
    write_record(tmp_path / "provenance.json", {})
    for method, status in (("flaky", "error"), ("sound", "ok")):
        folder = tmp_path / RUN.format(method, "setting1")
        write_record(folder / "a__b.json", {"status": status})
        write_record(folder / "batch.json", {"counts": {status: 1}, "pairs": ["a__b"]})
        score = tmp_path / "scores" / folder.relative_to(tmp_path / "runs").with_suffix(".csv")
        write_text(score, f"fixed,moving,status\na,b,{status}\n")
        for ending in (".json", ".csv", ".options.json"):
            write_record(tmp_path / "tuning" / "mono" / f"{method}{ending}", {})
    write_text(tmp_path / "tuning" / "tuning.md", "# Settings")
    return tmp_path


def left(results: Path) -> set[str]:
    return {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}


def test_a_choice_that_a_failed_run_took_part_in_is_made_again(results):
    before = left(results)
    assert forget(results, {"error"}) == {
        "data and prepared": 0, "trainings": 0, "runs": 1, "scores": 1, "choices of tuning": 1,
    }  # fmt: skip
    run = RUN.format("flaky", "setting1")
    assert before - left(results) == {
        f"{run}/a__b.json", f"{run}/batch.json", "scores/mono/flaky/setting1/r0_val.csv", "provenance.json",
        "tuning/tuning.md", *(f"tuning/mono/flaky{ending}" for ending in (".json", ".csv", ".options.json")),
    }  # fmt: skip


def test_with_nothing_to_forget_everything_stays(results):
    before = left(results)
    forget(results, {"timeout"})
    assert left(results) == before
