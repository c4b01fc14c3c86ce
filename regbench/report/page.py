"""The page itself: results/STUDY/report.html, one file that needs no network, from what the stages before wrote."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from regbench.figures.volumes import Batch
from regbench.records import read_record, write_text
from regbench.report import words
from regbench.report.claims import read_claims
from regbench.report.facts import citations, machines, provenance, settings
from regbench.report.failures import MOST_GROUPS, MOST_LINES, find_failures
from regbench.report.numbers import read_numbers
from regbench.report.pictures import Picture, read_pictures
from regbench.report.standings import standings
from regbench.report.viewer import Viewer, make_viewer
from regbench.study import Study
from regbench.tables.frames import Frame, read_table
from regbench.tables.paper import semi_synthetic
from regbench.tables.summary import Method
from regbench.tables.tables import SEMI_SYNTHETIC

log = logging.getLogger(__name__)
LARGEST = 24_500_000  # bytes of the whole page
FOR_FIGURES = 12_000_000  # of them, at most
FOR_TEXT = 2_000_000  # of them, before logs are cut
FOR_HEAD = 200_000  # left free for what the viewer says of its volumes
NEEDED = (
    "scores.csv",
    "timings.csv",
    "provenance.json",
    "tables/comparisons.csv",
    "tables/speed_accuracy.csv",
    "tables/times.csv",
)
SCRIPTS = ("sorting.js", "theme.js", "volumes.js", "slices.js", "viewer.js")
SECTIONS = {
    "pictures": "Images", "deformation": "Deformation", "accuracy": "Accuracy", "statistics": "Statistics",
    "speed": "Speed", "training": "Training",
}  # fmt: skip


def write_report(
    study: Study, results: Path, methods: Mapping[str, Method], runs: Iterable[Batch], out: Path
) -> int:
    """Write the page of a finished study to `out`; its size in bytes.

    results: the study's own folder. runs: its batches (Plan.runs), none of a merged study. Figures have up to FOR_FIGURES
    bytes, volumes what is then left of LARGEST; logs are cut where text alone takes more than FOR_TEXT. Raises
    FileNotFoundError where scores, timings, tables or provenance are missing; figures, claims and volumes that are not there
    are told in the page. Raises ValueError where the page would be larger than LARGEST all the same.
    """
    _refuse_unfinished(results)
    scores = read_table(results / "scores.csv")
    content = _content(study, results, methods, scores)
    template, text = _template(), _with_pictures([], "") | {"viewer": Viewer([], [])}
    for lines in (MOST_LINES, 10, 3, 0):
        content["log_lines"] = lines
        size = len(template.render(content | text).encode())
        if size <= FOR_TEXT:
            break
    pictures, note = read_pictures(results / "figures", max(0, min(FOR_FIGURES, LARGEST - FOR_HEAD - size)))
    content |= _with_pictures(pictures, note)
    size = len(template.render(content | {"viewer": Viewer([], [])}).encode())
    viewer = make_viewer(study, results, scores, runs, max(0, LARGEST - FOR_HEAD - size))
    for reason in viewer.missing:
        log.warning("no images in the report's viewer: %s", reason)
    page = template.render(content | {"viewer": viewer})
    size = len(page.encode())
    if size > LARGEST:
        raise ValueError(
            f"{out}: the page would have {size} bytes, more than {LARGEST}; are tables or figures huge?"
        )
    write_text(out, page)
    return size


def _content(study: Study, results: Path, methods: Mapping[str, Method], scores: Frame) -> dict:
    """Everything that the page says, figures and volumes apart."""
    facts, failures = read_record(results / "provenance.json"), find_failures(results)
    learned = {name for name, method in methods.items() if method.learned}
    tables = results / "tables"
    return {
        "study": study,
        "synthetic": SEMI_SYNTHETIC if any(semi_synthetic(study, task) for task in study.tasks) else "",
        "summary": [_summary(tables, name, task.table, learned) for name, task in study.tasks.items()],
        "failed": words.failures(scores),
        "claims": read_claims(tables / "claims.csv"),
        "tables": _fragments(tables, _shown(study, scores)),
        "times": _fragments(tables, ["times", "speed"]),
        "machines": machines(read_table(results / "timings.csv")),
        "failures": failures[:MOST_GROUPS],
        "more_failures": len(failures) - MOST_GROUPS,
        "settings": settings(facts["study"]),
        "provenance": provenance(facts),
        "citations": citations(),
    }


def _with_pictures(pictures: list[Picture], note: str) -> dict:
    """Figures by section, in reading order."""
    of = {title: [p for p in pictures if p.section == name] for name, title in SECTIONS.items()}
    return {"sections": {title: found for title, found in of.items() if found}, "pictures_note": note}


def _shown(study: Study, scores: Frame) -> list[str]:
    """The names of the tables that this study has; others may lie about from earlier settings."""
    names = [f"table{number}" for number in sorted({task.table for task in study.tasks.values()})]
    names += ["followup"] * any(task.pairing == "followup" for task in study.tasks.values())
    ends = {"identity", "truth"}
    truth = any(ends <= set(scores[scores["task"] == task]["method"]) for task in study.tasks)
    return names + ["gap"] * truth


def _refuse_unfinished(results: Path) -> None:
    for name in NEEDED:
        if not (results / name).is_file():
            raise FileNotFoundError(
                f"{results / name}: no such file, expected in a finished study; run snakemake first"
            )


def _summary(tables: Path, task: str, number: int, learned: set[str]) -> dict:
    table = read_numbers(tables / f"table{number}.csv")
    compared = read_numbers(tables / "comparisons.csv")
    measured = table[(table["block"] == "measured") & (table["task"] == task)]
    found = standings(measured, compared[compared["task"] == task], learned)
    return {
        "task": task,
        "opening": words.opening(task, found),
        "findings": [
            (each.metric.title, words.badge(each), each.verdict, words.finding(each)) for each in found
        ],
        "speed": words.speed(task, _timed(tables)),
    }


def _timed(tables: Path) -> Frame:
    """Speed and accuracy, with the number of pairs and calls that each time is of."""
    speed, times = read_numbers(tables / "speed_accuracy.csv"), read_numbers(tables / "times.csv")
    keys = ["task", "method", "variant", "device", "machine", "clock"]
    return speed.merge(times[[*keys, "pairs", "calls"]], on=keys, how="left")


def _fragments(folder: Path, names: list[str]) -> list[Markup]:
    """Tables that the stage before wrote as HTML, which it escaped: headings one level lower, each to be scrolled by keys."""
    there = [folder / f"{name}.html" for name in names]
    texts = [path.read_text(encoding="utf8") for path in there if path.is_file()]
    changes = {
        "<h2": "<h3",
        "</h2>": "</h3>",
        "<table": '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table',
        "</table>": "</table></div>",
    }
    for old, new in changes.items():
        texts = [text.replace(old, new) for text in texts]
    return [Markup(text) for text in texts]


def _template():
    loader = PackageLoader("regbench.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    def verbatim(name: str) -> Markup:
        return Markup((loader.get_source(environment, name))[0])

    environment.globals |= {"verbatim": verbatim, "scripts": SCRIPTS}
    return environment.get_template("report.html")
