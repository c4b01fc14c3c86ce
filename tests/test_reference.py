"""The reference set: what the command makes of a study, and the set that is committed."""

import subprocess
from pathlib import Path

import pandas as pd
import pytest

from regbench.problems import Problems
from regbench.records import read_record, write_record
from regbench.reference import ALL_MOST, LARGEST, write_reference
from regbench.tables.frames import read_table
from regbench.tables.tables import write_tables
from tests.tables.example import METHODS, study, usual_scores, usual_timings, write_results

ROOT = Path(__file__).resolve().parent.parent
COMMITTED = ROOT / "results" / "reference"
PLACE = {"commit": "abc", "clean": True}


def finished(folder: Path, **place: object) -> Path:
    """A made-up study with its tables, of a clean commit."""
    timings = [row | PLACE | place for row in usual_timings("mono")]
    results = write_results(folder / "tiny", usual_scores("mono"), timings)
    made = study(tables=(1,))
    write_tables(made, results, METHODS)
    environment = {
        "host": "box",
        "cpu": "Fast CPU",
        "cores": 2,
        "memory_gb": 8.0,
        "gpu": None,
        "python": "3.11.7",
    }
    facts = {"environment": {**environment, **PLACE, "libraries": {"numpy": "2.3.5"}}}
    write_record(results / "provenance.json", facts | {"study": made.model_dump(mode="json")})
    return results


def refusal(*arguments) -> str:
    with pytest.raises(Problems) as told:
        write_reference(*arguments)
    return str(told.value)


def test_the_set_holds_every_table_and_says_how_it_was_made(tmp_path):
    results = finished(tmp_path)
    files = write_reference(results, tmp_path / "reference", "a test machine")
    names = {path.relative_to(tmp_path / "reference").as_posix() for path in files}
    tables = {f"tables/{path.name}" for path in (results / "tables").iterdir()}
    assert names == tables | {"README.md", "provenance.json", "scores.csv", "timings.csv"}
    page = (tmp_path / "reference" / "README.md").read_text()
    assert 'regbench reference results/tiny --machine "a test machine"' in page
    assert "| code | abc |" in page


def test_the_machine_is_called_as_asked_and_numbers_stay(tmp_path):
    results = finished(tmp_path)
    out = tmp_path / "reference"
    write_reference(results, out, "a test machine")
    for path in out.rglob("*.*"):
        assert "(box)" not in path.read_text(), path
    assert "Fast CPU, 2 threads (a test machine)" in (out / "tables" / "times.md").read_text()
    assert set(read_table(out / "timings.csv")["host"]) == {"a test machine"}
    assert read_table(out / "timings.csv")["seconds"].equals(read_table(results / "timings.csv")["seconds"])
    scores, all_scores = read_table(out / "scores.csv"), read_table(results / "scores.csv")
    kept = all_scores[all_scores["label"].isna()].reset_index(drop=True)
    pd.testing.assert_frame_equal(scores, kept)


@pytest.mark.parametrize("place", [{"clean": False}, {"commit": ""}])
def test_code_in_no_commit_is_refused(tmp_path, place):
    assert "run on code that is in no commit" in refusal(
        finished(tmp_path, **place), tmp_path / "reference", "m"
    )
    assert not (tmp_path / "reference").exists()


def test_several_machines_are_refused(tmp_path):
    told = refusal(finished(tmp_path, host="other"), tmp_path / "reference", "m")
    assert "of several machines (box, other)" in told


def test_what_is_too_large_is_named(tmp_path):
    results = finished(tmp_path)
    (results / "tables" / "long.md").write_text("x" * (LARGEST + 1))
    assert "tables/long.md: 1.0 MB; expected at most 1 MB" in refusal(results, tmp_path / "reference", "m")


def test_only_an_earlier_set_is_replaced(tmp_path):
    results, out = finished(tmp_path), tmp_path / "reference"
    write_reference(results, out, "first")
    (results / "tables" / "table1.tex").unlink()
    write_reference(results, out, "second")
    assert not (out / "tables" / "table1.tex").exists()
    assert "| machine | second |" in (out / "README.md").read_text()
    assert "was not made by `regbench reference`" in refusal(results, results, "m")
    assert "no finished study: provenance.json" in refusal(tmp_path / "nowhere", out, "m")


def test_git_takes_the_reference_set_and_no_other_results():
    def ignored(path: str) -> bool:
        return subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode == 0

    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    assert not ignored("results/reference/tables/table1.md")
    assert ignored("results/demo/scores.csv")


class TestCommittedSet:
    def test_its_files_are_those_that_its_page_lists_and_small(self):
        files = [path for path in COMMITTED.rglob("*") if path.is_file()]
        page = (COMMITTED / "README.md").read_text(encoding="utf8")
        listed = page.rpartition("Files: ")[2].strip().rstrip(".").replace("`", "").split(", ")
        names = sorted(path.relative_to(COMMITTED).as_posix() for path in files)
        assert names == sorted([*listed, "README.md"])
        assert max(path.stat().st_size for path in files) <= LARGEST
        assert sum(path.stat().st_size for path in files) <= ALL_MOST * 1.1

    def test_it_is_of_a_clean_commit(self):
        environment = read_record(COMMITTED / "provenance.json")["environment"]
        assert environment["commit"]
        assert environment["clean"] is True
        assert set(read_table(COMMITTED / "timings.csv")["clean"]) == {"True"}

    def test_its_tables_are_means_of_its_scores(self):
        scores = read_table(COMMITTED / "scores.csv")
        means = (
            scores[scores["status"] == "ok"].groupby(["task", "method", "variant", "metric"])["value"].mean()
        )
        table = pd.read_csv(COMMITTED / "tables" / "table1.csv")
        measured = table[table["block"] == "measured"]
        assert len(measured)
        for row in measured.itertuples():
            assert row.dsc == pytest.approx(means[row.task, row.method, row.variant, "dsc"], abs=1e-9)
