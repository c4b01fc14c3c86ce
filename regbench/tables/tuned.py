"""What tuning tried and chose, for readers: footnotes of the tables, and a page with every setting."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from regbench.progress import duration
from regbench.records import read_record, write_text
from regbench.scores.metrics import METRICS
from regbench.tables.formats import markdown_table
from regbench.tables.summary import Line, Method
from regbench.tuning.choice import CRITERIA

TITLE = "# Settings tried on validation pairs"
HEADER = ["Method", "Setting", "Folding (%)", "failed", "Runs", "Training", ""]


def tuned_notes(lines_by_task: Mapping[str, Iterable[Line]], folder: Path) -> list[str]:
    """Footnotes on how rows `tuned` came about, one a task. `folder`: results/STUDY/tuning."""
    found = []
    for task, lines in lines_by_task.items():
        tuned = {line.method: line for line in lines if line.variant == "tuned"}
        reports = {m: folder / task / f"{m}.json" for m in tuned}
        choices = [
            f"{tuned[m].label}: {_choice(read_record(path))}" for m, path in reports.items() if path.is_file()
        ]
        if choices:
            found.append(
                f"Rows `tuned`, task {task}: the best of a method's settings (its default among them) on "
                f"validation pairs alone; all of them in tuning/tuning.md. {'; '.join(choices)}."
            )
    return found


def write_page(reports: Sequence[Path], out: Path, methods: Mapping[str, Method]) -> None:
    """Write a Markdown page with a table a task: every setting, its scores, and which one was chosen.

    reports: results/STUDY/tuning/TASK/METHOD.json.
    """
    tasks: dict[str, list[dict[str, Any]]] = {}
    for report in map(read_record, reports):
        tasks.setdefault(report["task"], []).append(report)
    parts = [TITLE, _rule(next(iter(tasks.values()))[0]["folding_percent"])]
    for task, its in tasks.items():
        names = [name for name in CRITERIA if any(name == report["criterion"] for report in its)]
        header = [*HEADER[:2], *(METRICS[name].heading for name in names), *HEADER[2:]]
        rows = [row for report in its for row in _rows(report, names, methods[report["method"]].label)]
        parts += [f"**Task {task}**", markdown_table(header, rows, texts=(0, 1, len(header) - 1))]
        parts.append("\n".join(f"- {methods[r['method']].label}: {_choice(r)}." for r in its))
    write_text(out, "\n\n".join(parts) + "\n")


def _rule(folding_percent: float) -> str:
    return (
        "Chosen: the best mean over validation pairs of the true error, else TRE, else DSC, else NMI, of the settings that "
        f"succeed on every pair and fold at most {folding_percent:g} % of the brain. Settings are laid over the default, the "
        "first of each method. Runs (of all pairs) and trainings took place beside other jobs."
    )


def _rows(report: dict[str, Any], names: list[str], label: str) -> Iterable[list[str]]:
    for setting in report["settings"]:
        said = "chosen" if setting["chosen"] else "" if setting["eligible"] else "not eligible"
        yield [
            label,
            _changes(setting["changes"]),
            *(_number(name, setting["means"]) for name in (*names, "folding")),
            f"{setting['failed']} of {setting['pairs']}",
            duration(setting["run_seconds"]),
            duration(setting["train_seconds"]) if setting["train_seconds"] else "-",
            said,
        ]


def _choice(report: dict[str, Any]) -> str:
    """What was chosen of how many, by what, at what cost."""
    tried, chosen = report["settings"], report["settings"][report["chosen"]]
    cost = f"{duration(report['run_seconds'])} of runs"
    if report["train_seconds"]:
        cost += f" and {duration(report['train_seconds'])} of training"
    of = f"of {len(tried)} settings on {report['pairs']} pairs, {cost}"
    if not report["eligible"]:
        return f"{_changes({})}, as none {of}, succeeded everywhere without too much folding"
    metric = METRICS[report["criterion"]]
    best = f"{CRITERIA[metric.name]} mean {metric.title}, {_number(metric.name, chosen['means'])}"
    if report["chosen"]:
        best += f" instead of {_number(metric.name, tried[0]['means'])}"
    return f"{_changes(report['options'])} ({best}; {of})"


def _changes(changes: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in changes.items()) or "default"


def _number(name: str, means: dict[str, float]) -> str:
    return f"{means[name]:.{METRICS[name].decimals}f}" if name in means else "-"
