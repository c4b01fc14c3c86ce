"""Marks against scipy's Wilcoxon and statsmodels' Holm on the raw scores, and the same marks in every form."""

import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from statsmodels.stats.multitest import multipletests

from regbench.scores.metrics import METRICS
from regbench.tables.frames import read_table
from regbench.tables.tables import write_tables
from tests.tables.example import METHODS, score_rows, study, usual_scores, write_results

SUBJECTS = [f"s{k:02}" for k in range(12)]
PAIRS = list(permutations(SUBJECTS, 2))
LEVELS = {
    ("syn", "default"): 0.6,
    ("syn", "tuned"): 0.601,
    ("zeta", "default"): 0.5,
    ("new", "default"): 0.501,
}


def rows(method: str, level: float, *, variant: str = "default", seeds: int = 1, task: str = "mono", lost=()):
    """Scores of 12 subjects that scatter about `level`; lost: pairs that failed."""
    rng = np.random.default_rng([*f"{method}{variant}".encode()])
    effect = dict(zip(SUBJECTS, 0.005 * rng.standard_normal(len(SUBJECTS)), strict=True))
    return [
        {"task": task, "fixed": f, "moving": m, "method": method, "variant": variant, "repetition": r, "label": "",
         "metric": name, "unit": METRICS[name].unit, "status": "error" if (f, m) in lost else "ok",
         "value": "" if (f, m) in lost else level + effect[f] + 0.002 * rng.standard_normal()}
        for r in range(seeds) for name in ("dsc", "hd95", "ssim", "mi") for f, m in PAIRS
    ]  # fmt: skip


def tables(tmp_path, scores: list[dict], number: int = 1):
    results = write_results(tmp_path / "tiny", scores, [])
    write_tables(study("csv", tables=(number,)), results, METHODS)
    return results / "tables"


def marks(folder, metric: str, number: int = 1) -> dict[tuple[str, str], str]:
    """Marks by method and variant from the CSV; without the column there are none."""
    table = read_table(folder / f"table{number}.csv")
    table = table[table["block"] == "measured"].set_index(["method", "variant"])
    return {key: mark for key, mark in table.get(f"{metric}_mark", pd.Series(dtype=str)).items() if mark}


@pytest.mark.parametrize("metric", ["dsc", "hd95"])
def test_the_best_and_those_not_told_apart_are_as_scipy_and_statsmodels_find_them(tmp_path, metric):
    scores = [
        row for (method, variant), level in LEVELS.items() for row in rows(method, level, variant=variant)
    ]
    found = marks(tables(tmp_path, scores), metric)
    raw = pd.DataFrame(scores).query("metric == @metric").astype({"value": float})
    means = raw.groupby(["method", "variant"])["value"].mean()
    best = means.idxmax() if metric == "dsc" else means.idxmin()
    by_subject = raw.groupby(["method", "variant", "fixed"])["value"].mean().unstack()
    tests = list(combinations(LEVELS, 2))
    p = [wilcoxon(by_subject.loc[a], by_subject.loc[b]).pvalue for a, b in tests]
    told_apart = dict(zip(tests, multipletests(p, method="holm")[0], strict=True))
    expected = {best: "best"} | {
        next(key for key in test if key != best): "tied"
        for test, apart in told_apart.items()
        if best in test and not apart
    }
    assert found == expected
    assert 1 < len(expected) < len(LEVELS)  # made so that there are rows of either kind


@pytest.mark.parametrize(("seeds", "expected"), [(2, {"syn": "best", "dmi": "ahead"}), (3, {"dmi": "best"})])
def test_a_learned_method_of_few_seeds_is_ahead_but_not_best(tmp_path, seeds, expected):
    folder = tables(tmp_path, rows("syn", 0.5) + rows("dmi", 0.6, seeds=seeds))
    assert marks(folder, "dsc") == {(name, "default"): mark for name, mark in expected.items()}
    text = (folder / "table1.md").read_text()
    assert ("fewer than 3 training seeds: Our Method (DMI)." in text) == (seeds == 2)
    assert ("- ahead+: " in text) == (seeds == 2)


def test_trainings_that_failed_make_no_seeds(tmp_path):
    scores = rows("syn", 0.5) + rows("dmi", 0.6, seeds=3)
    failed = [
        row | {"status": "skipped", "value": ""} if row["method"] == "dmi" and row["repetition"] else row
        for row in scores
    ]
    folder = tables(tmp_path, failed)
    assert marks(folder, "dsc")["dmi", "default"] == "ahead"
    table = read_table(folder / "table1.csv")
    assert table.loc[(table["method"] == "dmi") & (table["block"] == "measured"), "seeds"].tolist() == ["1.0"]


def test_a_row_over_fewer_pairs_is_not_best(tmp_path):
    folder = tables(tmp_path, rows("syn", 0.5) + rows("zeta", 0.6, lost=PAIRS[:1]))
    assert marks(folder, "dsc") == {("syn", "default"): "best", ("zeta", "default"): "ahead"}


def test_equal_means_share_the_mark(tmp_path):
    scores = [
        *score_rows("mono", "syn", 0.5),
        *score_rows("mono", "zeta", 0.5),
        *score_rows("mono", "dmi", 0.4),
    ]
    assert marks(tables(tmp_path, scores), "dsc") == {
        ("syn", "default"): "best",
        ("zeta", "default"): "best",
    }


def test_metrics_that_rank_nothing_and_controls_carry_no_marks(tmp_path):
    scores = [
        row
        for method, level in {"identity": 0.9, "truth": 0.95, "syn": 0.6, "zeta": 0.5}.items()
        for row in rows(method, level, task="multi")
    ]
    folder = tables(tmp_path, scores, number=2)
    assert marks(folder, "dsc", 2) == {("syn", "default"): "best"}
    assert marks(folder, "mi", 2) == marks(folder, "ssim", 2) == {}


def test_a_method_alone_is_not_the_best_of_anything(tmp_path):
    folder = tables(tmp_path, rows("identity", 0.4) + rows("syn", 0.5))
    assert marks(folder, "dsc") == {}
    assert "best" not in (folder / "table1.md").read_text().split("- Mean (SD)")[0]


def test_too_few_subjects_are_told_instead_of_calling_all_tied(tmp_path):
    folder = tables(tmp_path, usual_scores("mono"))
    assert set(marks(folder, "dsc").values()) == {"best", "ahead"}
    text = (folder / "table1.md").read_text()
    assert (
        "Task mono: 4 fixed subjects cannot give p < 0.05 after Holm's correction over 3 comparisons" in text
    )
    assert "tied=" not in text


@pytest.mark.parametrize(("subjects", "enough"), [(5, False), (6, True)])
def test_two_methods_need_six_fixed_subjects(tmp_path, subjects, enough):
    """wilcoxon of five like signs gives 1/16, of six 1/32."""
    kept = set(SUBJECTS[:subjects])
    scores = [row for row in rows("syn", 0.5) + rows("zeta", 0.6) if {row["fixed"], row["moving"]} <= kept]
    assert (wilcoxon(np.arange(1, subjects + 1)).pvalue < 0.05) == enough
    folder = tables(tmp_path, scores)
    assert ("cannot give p < 0.05" in (folder / "table1.md").read_text()) != enough


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A table with every kind of mark."""
    scores = [
        *rows("identity", 0.4),
        *rows("syn", 0.6),
        *rows("syn", 0.601, variant="tuned"),
        *rows("zeta", 0.5),
        *rows("dmi", 0.7),
    ]
    return tables(tmp_path_factory.mktemp("several"), scores)


def expected_marks(folder) -> set[tuple[str, str, str]]:
    """(row, metric's title, mark) of the CSV, for the columns that readers see."""
    table = read_table(folder / "table1.csv")
    found = set()
    for name in ("dsc", "ssim", "hd95"):
        for row, mark in zip(table["row"], table[f"{name}_mark"], strict=True):
            found |= {(row, METRICS[name].heading, mark)} if mark else set()
    return found


def test_made_scores_have_every_mark(several):
    assert {mark for *_, mark in expected_marks(several)} == {"best", "tied", "ahead"}


def test_markdown_has_the_csv_s_marks(several):
    found, header = set(), []
    for line in (several / "table1.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        header = cells if cells[0] == "Method" else header
        for name, cell in zip(header[1:], cells[1:], strict=False):
            mark = "best" if cell.startswith("**") else {"=": "tied", "+": "ahead"}.get(cell[-1:])
            found |= {(cells[0], name, mark)} if mark else set()
    assert found == expected_marks(several)


def test_latex_has_the_csv_s_marks(several):
    found, header = set(), []
    for line in (several / "table1.tex").read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r" \\"))]
        header = cells if cells[0] == "Method" else header
        for name, cell in zip(header[1:], cells[1:], strict=False):
            sign = re.search(r"\\rlap\{\$\^\{(.)\}\$\}$", cell)
            mark = "best" if cell.startswith(r"\textbf") else sign and {"=": "tied", "+": "ahead"}[sign[1]]
            found |= {(cells[0].replace("\\", ""), name, mark)} if mark else set()
    assert found == expected_marks(several)


def test_html_has_the_csv_s_marks(several):
    found = set()
    section = ElementTree.fromstring((several / "table1.html").read_text())
    for table in section.iter("table"):
        header = [cell.text for cell in table.find("thead").iter("th")]
        for row in table.find("tbody").iter("tr"):
            for name, cell in zip(header, row, strict=True):
                kinds = {"best", "tied", "ahead"} & set(cell.get("class", "").split())
                found |= {(row[0].text, name, mark) for mark in kinds}
                assert (cell.find("strong") is not None) == ("best" in kinds)
                assert (cell.find("sup") is not None) == bool(kinds & {"tied", "ahead"})
    assert found == expected_marks(several)


def test_every_form_says_what_its_marks_mean(several):
    texts = {form: (several / f"table1.{form}").read_text() for form in ("md", "tex", "html")}
    assert all(text.count("Wilcoxon") == text.count("Holm-corrected") == 1 for text in texts.values())
    for form, words in {
        "md": ("- **best**: ", "- tied=: ", "- ahead+: "),
        "tex": (r"\textbf{best}: ", r"tied$^{=}$: ", r"ahead$^{+}$: "),
        "html": ("<strong>best</strong>: ", "tied<sup>=</sup>: ", "ahead<sup>+</sup>: "),
    }.items():
        assert all(word in texts[form] for word in words)
