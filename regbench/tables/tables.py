"""The paper's tables from scores.csv and timings.csv, with published values beside or apart."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from regbench.records import write_text
from regbench.scores.metrics import METRICS
from regbench.study import Study
from regbench.tables.claims import claims_table, judge
from regbench.tables.claims_document import claims_document
from regbench.tables.comparisons import compare
from regbench.tables.document import Document
from regbench.tables.followup import followup_document, followups
from regbench.tables.formats import html, latex, markdown
from regbench.tables.frames import Frame, read_table
from regbench.tables.gap import closed_gap, gap_document
from regbench.tables.layout import DEVICES, notes, task_blocks
from regbench.tables.marks import Marks, legend, mark, mark_notes
from regbench.tables.paper import paper, same_data, semi_synthetic
from regbench.tables.speed import COLUMNS as SPEED
from regbench.tables.speed import published_speed, speed, speed_document
from regbench.tables.speed_accuracy import speed_accuracy
from regbench.tables.summary import Line, Method, Timing, summarise
from regbench.tables.times import COLUMNS as TIMES
from regbench.tables.times import times, times_document
from regbench.tables.tuned import tuned_notes

SEMI_SYNTHETIC = (
    "Semi-synthetic data: real templates under simulated deformations and contrasts. These numbers say how "
    "methods compare on such data; they neither confirm nor refute the paper's."
)
PAIRINGS = {
    "between": "between subjects",
    "within": "within subjects",
    "followup": "a person's first scan to each later one",
}


def write_tables(study: Study, results: Path, methods: Mapping[str, Method]) -> None:
    """Write results/tables: tableN.{csv,md,tex,html}, times and speed (csv, md, html), speed_accuracy.csv, comparisons.csv,
    claims.{csv,md,html}; where a truth is known, gap.{csv,md,html}; of follow-ups, followup.{csv,md,html}.

    results: the study's own folder, which holds scores.csv and timings.csv (rows of several machines may be joined
    in either). Raises FileNotFoundError when one is missing.
    """
    for name in ("scores.csv", "timings.csv"):
        if not (results / name).is_file():
            raise FileNotFoundError(
                f"{results / name}: no such file, expected the study's own; run the study first: snakemake --cores all"
            )
    scores, timings = read_table(results / "scores.csv"), read_table(results / "timings.csv")
    folder = results / "tables"
    lines = {
        task: summarise(_of(scores, task), _of(timings, task), methods, study.scores.bootstrap)
        for task in study.tasks
    }
    compared = {
        name: compare(_of(scores, name), name, task.modality, methods, study.scores.bootstrap)
        for name, task in study.tasks.items()
    }
    write_text(folder / "comparisons.csv", pd.concat(compared.values()).to_csv(index=False))
    for number in sorted({task.table for task in study.tasks.values()}):
        tasks = [name for name, task in study.tasks.items() if task.table == number]
        marks = {n: mark(lines[n], compared[n], study.tasks[n].modality, methods) for n in tasks}
        _write_table(study, number, {n: lines[n] for n in tasks}, marks, folder / f"table{number}")
    _write_times(study, lines, timings, methods, folder)
    _write_gap(study, scores, methods, folder)
    _write_followups(study, scores, methods, folder)
    judged = judge(study, lines, scores, timings, methods)
    write_text(folder / "claims.csv", claims_table(judged).to_csv(index=False))
    _write_readable(folder / "claims", claims_document(judged, _facts(study, list(study.tasks))))


def _write_table(
    study: Study, number: int, lines: dict[str, list[Line]], marks: dict[str, Marks], stem: Path
) -> None:
    document = Document(paper()["tables"][number]["caption"], _facts(study, list(lines)))
    document.number = f"Table {number}"
    for task, each in lines.items():
        document.blocks += task_blocks(task, number, each, marks[task], same_data(study, task))
    document.legend = legend(marks)
    document.notes = [*mark_notes(marks), *notes(lines), *tuned_notes(lines, stem.parent.with_name("tuning"))]
    if any(same_data(study, task) for task in lines):
        document.notes.append(f"(paper): published in {paper()['citation']}, times on its own machines.")
    write_text(stem.with_suffix(".tex"), latex(document))
    _write_readable(stem, document)
    rows = [_numbers(task, line, marks[task]) for task, each in lines.items() for line in each]
    rows += [row for task in lines for row in _published(number, task, same_data(study, task))]
    write_text(
        stem.with_suffix(".csv"), pd.DataFrame(rows).dropna(axis="columns", how="all").to_csv(index=False)
    )


def _write_readable(stem: Path, document: Document) -> None:
    write_text(stem.with_suffix(".md"), markdown(document))
    write_text(stem.with_suffix(".html"), html(document))


def _write_times(
    study: Study, lines: dict[str, list[Line]], timings: Frame, methods: Mapping[str, Method], folder: Path
) -> None:
    taken, faster = [], []
    for task, each in lines.items():
        asked = (task, each, _of(timings, task), methods, study.scores.bootstrap)
        taken += times(*asked)
        faster += speed(*asked) + published_speed(task, study.tasks[task].table, same_data(study, task))
    table = pd.DataFrame(taken, columns=TIMES)
    write_text(folder / "times.csv", table.to_csv(index=False))
    _write_readable(folder / "times", times_document(table))
    write_text(folder / "speed_accuracy.csv", speed_accuracy(lines, table).to_csv(index=False))
    table = pd.DataFrame(faster, columns=SPEED)
    write_text(folder / "speed.csv", table.to_csv(index=False))
    _write_readable(folder / "speed", speed_document(table))


def _write_gap(study: Study, scores: Frame, methods: Mapping[str, Method], folder: Path) -> None:
    gap = pd.concat([closed_gap(scores, task) for task in study.tasks])
    if len(gap):
        write_text(folder / "gap.csv", gap.to_csv(index=False))
        _write_readable(folder / "gap", gap_document(gap, methods, _facts(study, list(gap["task"].unique()))))


def _write_followups(study: Study, scores: Frame, methods: Mapping[str, Method], folder: Path) -> None:
    tasks = [name for name, task in study.tasks.items() if task.pairing == "followup"]
    if tasks:
        table = pd.concat([followups(scores, task) for task in tasks])
        write_text(folder / "followup.csv", table.to_csv(index=False))
        _write_readable(folder / "followup", followup_document(table, methods, _facts(study, tasks)))


def _facts(study: Study, tasks: list[str]) -> list[str]:
    described = []
    for name in tasks:
        task = study.tasks[name]
        spacing, shape = (
            " × ".join(f"{n:g}" for n in values) for values in (task.grid.spacing, task.grid.shape)
        )
        described.append(
            f"Task {name}: dataset {task.dataset} ({study.datasets[task.dataset].type}), {task.moving} to "
            f"{task.fixed}, {PAIRINGS[task.pairing]}, {spacing} mm, {shape} voxels."
            + f" Learned methods were trained on {task.trained_on}, not on these data."
            * bool(task.trained_on)
        )
    facts = [f"Study {study.study}: {study.description.strip()}", *described]
    return [*facts, SEMI_SYNTHETIC] if any(semi_synthetic(study, name) for name in tasks) else facts


def _numbers(task: str, line: Line, marks: Marks) -> dict[str, object]:
    """One row of the CSV: every number of a line, unrounded."""
    row: dict[str, object] = {
        "block": "measured", "task": task, "row": line.label, "method": line.method, "variant": line.variant,
        "n": line.n, "seeds": line.seeds, "failed": sum(line.failures.values()),
        "failures": "; ".join(f"{status} {count}" for status, count in line.failures.items()),
    }  # fmt: skip
    for name in METRICS:
        if value := line.values.get(name):
            row |= {
                name: value.mean,
                f"{name}_sd": value.sd,
                f"{name}_low": value.low,
                f"{name}_high": value.high,
                f"{name}_mark": marks.of.get(name, {}).get((line.method, line.variant)),
            }
    for device in DEVICES:
        row |= _time_numbers(device, line.times[device])
    return row


def _time_numbers(device: str, times: list[Timing] | str) -> dict[str, object]:
    """Several machines' numbers are joined in the order of their names: they are not to be averaged."""
    if isinstance(times, str):
        return {f"{device}_seconds": times}
    return {
        f"{device}_seconds": "; ".join(f"{t.mean:.6g}" for t in times),
        f"{device}_seconds_sd": "; ".join(f"{t.sd:.6g}" for t in times),
        f"{device}_calls": "; ".join(str(t.calls) for t in times),
        f"{device}_clock": "; ".join("total" if t.total else "compute" for t in times),
        f"{device}_machine": "; ".join(t.machine for t in times),
    }


def _published(number: int, task: str, same: bool) -> list[dict[str, object]]:
    rows = []
    for method, values in paper()["tables"][number]["rows"].items():
        row: dict[str, object] = {
            "block": "published" if same else "published, other data, not comparable",
            "task": task, "row": values["name"], "method": method,
        }  # fmt: skip
        for name in (*METRICS, *DEVICES):
            if name in values:
                key = f"{name}_seconds" if name in DEVICES else name
                row |= dict(zip((key, f"{key}_sd"), values[name], strict=True))
        rows.append(row)
    return rows


def _of(frame: Frame, task: str) -> Frame:
    return frame[frame["task"] == task]
