import pytest

from regbench.tables.frames import read_table
from regbench.tables.gap import closed_gap
from regbench.tables.tables import write_tables
from tests.tables.example import METHODS, score_rows, study, usual_scores, write_results


def test_the_gap_is_measured_from_identity_to_truth(tmp_path):
    scores = usual_scores("mono") + [row for row in usual_scores("multi") if row["method"] != "truth"]
    results = write_results(tmp_path / "tiny", scores, [])
    frame = read_table(results / "scores.csv")
    found = closed_gap(frame, "mono").set_index("method")
    assert set(found.index) == {"syn", "dmi", "zeta"}
    assert found.loc["syn", "dsc_closed_percent"] == pytest.approx(25)
    assert found.loc["zeta", "dsc_closed_percent"] == pytest.approx(-25)
    assert found.loc["syn", "error_lowered_percent"] == pytest.approx(-100 * 0.1 / 0.515)
    assert found.loc["syn", "folding_percent"] == pytest.approx(0.615)
    assert closed_gap(frame, "multi").empty
    write_tables(study(), results, METHODS)
    text = (results / "tables/gap.md").read_text()
    names = [line.split("|")[1].strip() for line in text.splitlines()[-3:]]
    assert names == ["SyN", "Our Method (DMI)", "50% & more_"]
    assert "<caption>Task mono</caption>" in (results / "tables/gap.html").read_text()


def test_only_pairs_that_all_three_have_are_compared(tmp_path):
    easy = {("007", "NA"): "error"}
    scores = [
        *score_rows("mono", "identity", 0.5),
        *score_rows("mono", "truth", 0.9),
        *score_rows("mono", "syn", 0.6, failed=easy),
    ]
    results = write_results(tmp_path / "tiny", scores, [])
    (row,) = closed_gap(read_table(results / "scores.csv"), "mono").to_dict("records")
    assert row["n"] == 11
    assert row["dsc_closed_percent"] == pytest.approx(25)
