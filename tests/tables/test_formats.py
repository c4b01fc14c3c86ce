"""Each form of a document as its own reader sees it: a strict parser for HTML, pdflatex for LaTeX."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from regbench.tables.document import Block, Cell, Document
from regbench.tables.formats import html, latex, markdown
from regbench.tables.frames import read_table
from regbench.tables.tables import write_tables
from tests.tables.example import METHODS, study, usual_scores, usual_timings, write_results

ODD = r"""<script>alert("1")</script> & 50% of $x_1 {y}, ~^ \par | 'µ' ≥ α 日 — é"""
DOCUMENT = Document(
    ODD,
    facts=[ODD],
    blocks=[
        Block(
            ODD,
            ["Method", "against", ODD],
            [
                [Cell(ODD), Cell(ODD), Cell("0.123 (0.4)", 0.1234567, "best")],
                [Cell("B"), Cell("C"), Cell(ODD, mark="tied")],
                [Cell("B"), Cell("C"), Cell("-")],
            ],
            texts=(0, 1),
        )
    ],
    legend=[(Cell("best", mark="best"), ODD)],
    notes=[ODD],
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    results = tmp_path_factory.mktemp("results") / "tiny"
    scores, timings = (make("mono") + make("multi") for make in (usual_scores, usual_timings))
    write_results(results, scores, timings)
    write_tables(study(), results, METHODS)
    return results / "tables"


def test_html_shows_odd_text_as_it_is():
    section = ElementTree.fromstring(html(DOCUMENT))
    assert not list(section.iter("script"))
    shown = ["".join(element.itertext()) for element in section.iter()]
    assert shown.count(ODD) == 7  # every place it was put in, but where words or signs stand beside it
    assert f"{ODD}=" in shown
    assert f"best: {ODD}" in shown


def test_html_has_numbers_to_sort_by_and_headers_with_a_scope():
    section = ElementTree.fromstring(html(DOCUMENT))
    assert (section.tag, section.get("class")) == ("section", "regbench-table")
    (table,) = section.iter("table")
    assert (table.get("class"), table[0].tag) == ("sortable", "caption")
    assert [cell.get("scope") for cell in table.find("thead").iter("th")] == ["col"] * 3
    assert [cell.get("scope") for cell in table.find("tbody").iter("th")] == ["row"] * 3
    numbers = [row[2] for row in table.find("tbody").iter("tr")]
    assert [cell.get("data-value") for cell in numbers] == ["0.1234567", None, None]
    assert [cell.get("class") for cell in numbers] == ["number best", "number tied", "number"]
    assert [row[1].get("class") for row in table.find("tbody").iter("tr")] == ["text"] * 3


@pytest.mark.parametrize("name", ["table1", "table2", "times", "speed"])
def test_written_html_is_one_fragment_with_unrounded_numbers_and_no_style_or_script(tables, name):
    section = ElementTree.fromstring((tables / f"{name}.html").read_text())
    assert {"style", "script", "link", "img"}.isdisjoint(element.tag for element in section.iter())
    assert not [element for element in section.iter() if element.get("style")]
    for table in section.iter("table"):
        assert len({len(row) for row in table.iter("tr")}) == 1


def test_html_numbers_are_those_of_the_csv(tables):
    rows = read_table(tables / "table1.csv")
    rows = rows[rows["block"] == "measured"]
    body = next(ElementTree.fromstring((tables / "table1.html").read_text()).iter("tbody"))
    shown = {row[0].text: float(row[1].get("data-value")) for row in body}
    assert shown == pytest.approx(dict(zip(rows["row"], rows["dsc"].astype(float), strict=True)))


def test_markdown_columns_of_words_stand_left_and_bars_are_escaped():
    lines = [line for line in markdown(DOCUMENT).splitlines() if line.startswith("|")]
    assert [bool(re.fullmatch(r" :-+ ", cell)) for cell in lines[1].split("|")[1:-1]] == [True, True, False]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}
    assert len({len(line) for line in lines}) == 1


def test_latex_is_balanced(tables):
    text = (tables / "table1.tex").read_text()
    assert r"50\% \& more\_" in text
    for name in ("table", "tabular", "minipage"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") > 0
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 3
    for columns, body in re.findall(r"\\begin\{tabular\}\{(l?r*)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(columns) - 1}


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex here")
def test_latex_compiles_and_fits_the_line(tables, tmp_path):
    texts = [(tables / f"table{number}.tex").read_text() for number in (1, 2)]
    narrow = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}"
    (tmp_path / "all.tex").write_text("\n".join([narrow, *texts, latex(DOCUMENT), r"\end{document}"]))
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").is_file()
    wide = re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)
    assert not [points for points in wide if float(points) > 1], done.stdout
