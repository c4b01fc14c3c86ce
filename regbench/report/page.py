"""The page itself: results/STUDY/report.html, one file that needs no network, from what the stages before wrote."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from regbench.figures.volumes import Batch
from regbench.records import read_record, write_text
from regbench.report import words
from regbench.report.claims import read_claims
from regbench.report.facts import citations, machines, provenance, settings
from regbench.report.failures import MOST_GROUPS, find_failures
from regbench.report.numbers import read_numbers
from regbench.report.pictures import read_pictures
from regbench.report.standings import standings
from regbench.report.viewer import make_viewer
from regbench.study import Study
from regbench.tables.frames import Frame, read_table
from regbench.tables.paper import semi_synthetic
from regbench.tables.summary import Method
from regbench.tables.tables import SEMI_SYNTHETIC

LARGEST = 24_500_000  # bytes of the whole page
FOR_FIGURES = 12_000_000  # of them, at most
FOR_TEXT = 1_000_000  # left free for what comes after figures and volumes
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

    results: the study's own folder. runs: its batches (Plan.runs). Figures have up to FOR_FIGURES bytes, volumes what is then left of LARGEST. Raises FileNotFoundError where scores,
    timings, tables or provenance are missing; figures, claims and volumes that are not there are told in the page. Raises
    ValueError where the page would be larger than LARGEST all the same.
    """
    _refuse_unfinished(results)
    scores, timings = read_table(results / "scores.csv"), read_table(results / "timings.csv")
    facts = read_record(results / "provenance.json")
    failures = find_failures(results)
    learned = {name for name, method in methods.items() if method.learned}
    pictures, pictures_note = read_pictures(results / "figures", FOR_FIGURES)
    content = {
        "study": study,
        "synthetic": SEMI_SYNTHETIC if any(semi_synthetic(study, task) for task in study.tasks) else "",
        "summary": [
            _summary(results / "tables", name, task.table, learned) for name, task in study.tasks.items()
        ],
        "failed": words.failures(scores),
        "claims": read_claims(results / "tables" / "claims.csv"),
        "tables": _fragments(results / "tables", "table*.html"),
        "times": _fragments(results / "tables", "times.html") + _fragments(results / "tables", "speed.html"),
        "sections": {
            title: found
            for name, title in SECTIONS.items()
            if (found := [p for p in pictures if p.section == name])
        },
        "pictures_note": pictures_note,
        "machines": machines(timings),
        "failures": failures[:MOST_GROUPS],
        "more_failures": len(failures) - MOST_GROUPS,
        "settings": settings(facts["study"]),
        "provenance": provenance(facts),
        "citations": citations(),
    }
    room = LARGEST - FOR_TEXT - sum(len(each.source) for each in pictures)
    viewer = make_viewer(study, results, scores, runs, room)
    page = _template().render(content | {"viewer": viewer})
    size = len(page.encode())
    if size > LARGEST:
        raise ValueError(
            f"{out}: the page would have {size} bytes, more than {LARGEST}; are log lines or tables huge?"
        )
    write_text(out, page)
    return size


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


def _fragments(folder: Path, pattern: str) -> list[Markup]:
    """Tables that the stage before wrote as HTML, which it escaped, one level of headings lower."""
    texts = (path.read_text(encoding="utf8") for path in sorted(folder.glob(pattern)))
    return [Markup(text.replace("<h2", "<h3").replace("</h2>", "</h3>")) for text in texts]


def _template():
    loader = PackageLoader("regbench.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    def verbatim(name: str) -> Markup:
        return Markup((loader.get_source(environment, name))[0])

    environment.globals |= {"verbatim": verbatim, "scripts": SCRIPTS}
    return environment.get_template("report.html")
