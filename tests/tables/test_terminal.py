import pytest

from regbench.tables.tables import write_tables
from regbench.tables.terminal import print_tables, readable
from tests.tables.example import METHODS, study, usual_scores, usual_timings, write_results


@pytest.mark.parametrize("kind", ["phantom", "lpba40", "ixi"])
def test_tables_fit_a_terminal_and_say_where_they_are(tmp_path, capsys, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    scores, timings = (make("mono") + make("multi") for make in (usual_scores, usual_timings))
    (tmp_path / "results").mkdir()
    results = write_results((tmp_path / "results/tiny").relative_to(tmp_path), scores, timings)
    write_tables(study(kind), results, METHODS)
    print_tables(results)
    assert "report.html" not in capsys.readouterr().out
    (results / "report.html").touch()
    print_tables(results)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 120
    assert text.index("Table 1.") < text.index("Table 2.") < text.index("results/tiny/tables")
    assert "results/tiny/scores.csv" in text
    assert "results/tiny/report.html" in text


def test_marks_stand_behind_numbers_that_stand_below_each_other():
    table = "| Method | DSC |\n| :--- | ---: |\n| A \\| x | **0.60 (0.1)** |\n| B | 0.59 (0.1)= |\n| C | - |"
    assert readable(f"**Task**\n\n{table}\n\n- **best**: x").splitlines() == [
        "Task",
        "",
        "Method |         DSC",
        ":----- | ----------:",
        r"A \| x | 0.60 (0.1)*",
        "B      | 0.59 (0.1)=",
        "C      |          - ",
        "",
        "- best*: x",
    ]


def test_a_study_without_tables_is_told_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no tables yet"):
        print_tables(tmp_path)
