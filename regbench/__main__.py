"""The command line: `python -m regbench …`. Rules call the stages; people call `tables`, `list` and `retry`."""

import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import typer

from regbench.progress import log_to
from regbench.records import read_record, write_record
from regbench.workflow import Workflow

app = typer.Typer(add_completion=True, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

StudyFile = Annotated[Path, typer.Option("--study", help="results/STUDY/study.json, written by Snakemake")]
Out = Annotated[Path, typer.Option(help="the JSON record or CSV to write")]
Log = Annotated[Path | None, typer.Option(help="log file; errors name it")]
Word = Annotated[str, typer.Option()]


@app.command()
def data(study: StudyFile, dataset: Word, subject: Word, out: Out, log: Log = None) -> None:
    """Stage data: check a subject's files, or generate them."""
    log_to(log)
    write_record(out, Workflow.of(study).datasets[dataset].make(subject))


@app.command()
def prepare_reference(study: StudyFile, task: Word, out: Out, log: Log = None) -> None:
    """Stage prepared: the grid and image that a task's subjects are aligned to."""
    from regbench.prepared.reference import prepare_reference

    log_to(log)
    plan, w = Workflow.of(study), SimpleNamespace(task=task)
    prepare_reference(read_record(plan.reference_data(w)), plan.task(task), out)


@app.command()
def prepare_subject(study: StudyFile, task: Word, subject: Word, out: Out, log: Log = None) -> None:
    """Stage prepared: one subject's images on the task's grid."""
    from regbench.prepared.subject import prepare_subject

    log_to(log)
    plan, w = Workflow.of(study), SimpleNamespace(task=task, subject=subject)
    reference = [read_record(path) for path in plan.reference_file(w)]
    prepare_subject(
        read_record(plan.subject_data(w)), plan.task(task), reference[0] if reference else None, out
    )


@app.command()
def prepare_pairs(study: StudyFile, task: Word, batch: Word, out: Out, log: Log = None) -> None:
    """Stage prepared: the pairs of one batch, with their true displacement where it is known."""
    from regbench.prepared.pair import prepare_pairs

    log_to(log)
    plan, w = Workflow.of(study), SimpleNamespace(task=task, batch=batch)
    subjects = {record["subject"]: record for record in map(read_record, plan.pair_subjects(w))}
    sources = {
        name: read_record(plan.subject_data(SimpleNamespace(task=task, subject=name))) for name in subjects
    }
    truth = not batch.startswith("train")
    prepare_pairs(plan.batch_pairs(task, batch), subjects, sources, plan.task(task), out, truth=truth)


def main() -> None:
    """Run a command; a wrong configuration or file ends in one clear message, a bug in a traceback and the log's name."""
    try:
        app()
    except (ValueError, FileNotFoundError) as error:
        sys.exit(_failed(f"regbench: {error}", 2))
    except Exception:
        sys.exit(_failed(traceback.format_exc(), 1))


def _failed(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    if "--log" in sys.argv[:-1]:
        log = Path(sys.argv[sys.argv.index("--log") + 1])
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf8") as file:
            file.write(message + "\n")
        print(f"regbench: the log is {log}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
