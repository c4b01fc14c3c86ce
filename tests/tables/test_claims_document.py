"""The page of claims as a terminal shows it."""

import re

import pytest

from regbench.tables.frames import read_table
from regbench.tables.tables import write_tables
from regbench.tables.terminal import print_claims, study_folder
from tests.tables.claims_example import METHODS, scores, seconds, study
from tests.tables.example import write_results

VERDICT = r"\| +(holds|does not hold|not testable with these data|not testable on this device) ([a-z]+) *\|?$"


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Both tables on the paper's data, written."""
    monkeypatch.chdir(tmp_path)
    made = scores("mono", "dsc", {"identity": 0.52, "voxelmorph": 0.575, "dmi": 0.583}, spread=0.04)
    made += scores("mono", "psnr", {"identity": 16.7, "voxelmorph": 26.8, "dmi": 27.1}, spread=1.4)
    made += scores("multi", "mi", {"identity": 0.66, "bspline": 0.72, "syn": 0.88, "dmi": 1.02}, spread=0.1)
    times = [("syn", 4012.3, 4200.8), ("bspline", 180.1, 390.7), ("dmi", 13.2, 13.9)]
    taken = [row for method, *values in times for row in seconds("multi", method, *values)]
    folder = write_results(tmp_path / "results" / "tiny", made, taken)
    write_tables(study(mono=("lpba40", 1), multi=("ixi", 2)), folder, METHODS)
    return folder


def test_each_claim_is_a_row_that_fits_a_terminal_with_its_reason_below(results, capsys):
    print_claims(study_folder(results))
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 120
    rows = re.findall(VERDICT, text, re.MULTILINE)
    table = read_table(results / "tables" / "claims.csv")
    assert [verdict for verdict, _ in rows] == list(table["verdict"])
    reasons = dict(re.findall(r"^- ([a-z]+): (.*(?:\n  .*)*)\.$", text, re.MULTILINE))
    assert {letter for _, letter in rows} <= set(reasons)
    for (_, letter), reason in zip(rows, table["reason"], strict=True):
        assert " ".join(reasons[letter].split()) == reason


def test_the_head_counts_the_verdicts(results, capsys):
    print_claims(results)
    table = read_table(results / "tables" / "claims.csv")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " claims. " in line]
    assert line.startswith(f"{len(table)} claims.")
    for verdict, count in table["verdict"].value_counts().items():
        assert f"{verdict}: {count}" in line


def test_the_parentheses_are_told_from_what_was_measured(results):
    """SDs of 0.04 and 1.4 are variances of 0.0016 and 1.96: nearer to the printed 0.0016 and 5.0311 of our method."""
    text = (results / "tables" / "claims.md").read_text()
    assert re.search(r"of 10 cells measured on its own data, \d+ are nearer to our variance", text)


def test_a_study_is_found_by_its_folder_or_its_name(results):
    assert study_folder(results) == results
    assert study_folder(type(results)("tiny")).resolve() == results
    with pytest.raises(
        FileNotFoundError, match=r"results/none/tables/claims.md: no verdicts yet.*paper_tables"
    ):
        print_claims(study_folder(type(results)("none")))
