"""The command line, `regbench …` or `python -m regbench …`: commands for people first, then the stages that rules call."""

import errno
import logging
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, cast

import typer

from regbench import commands, study_commands
from regbench.interrupted import end_with_main
from regbench.problems import MethodFailed, StepFailed
from regbench.progress import log_to, took
from regbench.records import FAILURES, contents_of, read_record, write_record, write_stage_record
from regbench.runs.lock import machine_lock
from regbench.workflow import STAGE_CODE, Workflow

HELP = """A benchmark of deformable image registration that you can check.

    regbench check config.yaml      what is wrong with a study and its data

    snakemake --cores all           run the study

    regbench show results/demo      its tables

Exit codes: 0 done; 1 a bug in regbench, its traceback is shown; 2 wrong input or an unusable file, one message says
which and what to do; 3 a method that failed on a pair, or another step where a study is to stop at failures; 130 stopped with Ctrl-C; 137 ended because the Snakemake that started it is gone.
"""
SHOW = """Example:

    regbench show results/demo
"""
CLAIMS = """Examples:

    regbench claims demo

    regbench claims results/demo
"""
ESTIMATE = """Example:

    regbench estimate config.yaml
"""
REPORT = """Example:

    regbench report results/demo
"""
RETRY = """Examples:

    regbench retry results/demo

    regbench retry results/demo --status timeout,oom
"""
FULL = "; make room there and run the same command again: what is finished stays"
app = typer.Typer(add_completion=True, no_args_is_help=True, pretty_exceptions_enable=False, help=HELP)
app.command(epilog=study_commands.CHECK)(study_commands.check)
app.command("list", epilog=study_commands.LIST)(study_commands.list_)
app.command(epilog=study_commands.MERGE)(study_commands.merge)
app.command(epilog=study_commands.REFERENCE)(study_commands.reference)
app.command("download-ixi", epilog=study_commands.DOWNLOAD)(study_commands.download_ixi)


def stage() -> Any:
    """A command that only Snakemake's rules call: below the others in --help."""
    return app.command(rich_help_panel="Stages, called by Snakemake's rules")


StudyFile = Annotated[Path, typer.Option("--study", help="results/STUDY/study.json, written by Snakemake")]
Out = Annotated[Path, typer.Option(help="the JSON record or CSV to write")]
Log = Annotated[Path | None, typer.Option(help="log file; errors name it")]
Word = Annotated[str, typer.Option()]
Results = Annotated[Path, typer.Argument(help="results/STUDY, or the study's name")]


@stage()
def data(study: StudyFile, dataset: Word, subject: Word, out: Out, log: Log = None) -> None:
    """Stage data: check a subject's files, or generate them."""
    log_to(log)
    plan = Workflow.of(study)
    with machine_lock("shared"), took(f"data of {subject}"):
        record = plan.dataset(dataset).make(subject)
        write_stage_record(out, {**record, "contents": contents_of(record)})
    stop_at_failure(plan, f"data of {subject}", out, log)


@stage()
def prepare_reference(study: StudyFile, task: Word, out: Out, log: Log = None) -> None:
    """Stage prepared: the grid and image that a task's subjects are aligned to."""
    from regbench.prepared.reference import prepare_reference

    log_to(log)
    plan, w = Workflow.of(study), SimpleNamespace(task=task)
    with machine_lock("shared"):
        prepare_reference(read_record(plan.reference_data(w)), plan.task(task), out)
    stop_at_failure(plan, f"preparation of the reference of {task}", out, log)


@stage()
def prepare_subject(study: StudyFile, task: Word, subject: Word, out: Out, log: Log = None) -> None:
    """Stage prepared: one subject's images on the task's grid."""
    from regbench.prepared.subject import prepare_subject

    log_to(log)
    plan, w = Workflow.of(study), SimpleNamespace(task=task, subject=subject)
    reference = [read_record(path) for path in plan.reference_file(w)]
    with machine_lock("shared"), took(f"preparation of {subject}"):
        data = read_record(plan.subject_data(w))
        prepare_subject(data, plan.task(task), reference[0] if reference else None, out)
    stop_at_failure(plan, f"preparation of {subject} for {task}", out, log)


@stage()
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
    with machine_lock("shared"):
        prepare_pairs(plan.batch_pairs(task, batch), subjects, sources, plan.task(task), out, truth=truth)
    stop_at_failure(plan, f"preparation of pairs for {task}", out, log)


@stage()
def train(
    study: StudyFile,
    task: Word,
    method: Word,
    variant: Word,
    repetition: Annotated[int, typer.Option()],
    out: Out,
    log: Log = None,
    waited: Annotated[
        float | None, typer.Option(help="train here: another watches, and holds the lock")
    ] = None,
) -> None:
    """Stage models: train a learned method on the task's training pairs."""
    plan = Workflow.of(study)
    declared, threads = plan.methods[method], max(1, plan.study.threads // plan.study.train_processes)
    if declared.python and waited is None:
        from regbench.models.watched import training_command, watch_training

        log_to(None)  # the file is the training's
        limits = plan.study.limits
        command = training_command(plan.study.train_processes, "regbench", sys.argv[1:])
        watch_training(command, out, log, limits.memory_gb, limits.train_seconds, threads)
        stop_at_failure(plan, f"training {task}/{method}/{variant}", out, log)
        return
    if waited is not None:
        from regbench.models.watched import end_with_parent

        end_with_parent()  # each process of several, whose parent is torch's launcher
    log_to(log)
    pairs = [
        p for path in plan.training_pairs(SimpleNamespace(task=task)) for p in read_record(path)["pairs"]
    ]
    val = {f"{fixed}__{moving}" for fixed, moving in plan.pairs(task, "val")}
    training = [pair for pair in pairs if pair["pair"] not in val]
    validation = [pair for pair in pairs if pair["pair"] in val]
    options = plan.job_options(SimpleNamespace(task=task, method=method, variant=variant))
    seed = plan.seed("train", task, method, repetition)  # variants alike
    if declared.train:
        from regbench.models.command import train_by_command

        train_by_command(
            declared, options, training, validation, folder=out.parent, seed=seed, threads=plan.study.threads,
            device=device(plan.study.device), limits=plan.study.limits, log=log,
        )  # fmt: skip
        stop_at_failure(plan, f"training {task}/{method}/{variant}", out, log)
        return
    from regbench.methods.contract import importable, load_method
    from regbench.models.training import Trainable, train_model
    from regbench.runs.keys import own_parts

    with importable(declared.path.parent):
        train_model(
            cast(Trainable, load_method(declared.python or "", options)), training, validation, folder=out.parent, seed=seed,
            threads=threads, device=device(plan.study.device),
            limit_seconds=plan.study.limits.train_seconds, depends=own_parts(declared, options), waited=waited,
        )  # fmt: skip


@stage()
def run(
    study: StudyFile, task: Word, method: Word, variant: Word, batch: Word, out: Out, log: Log = None
) -> None:
    """Stage runs: register the pairs of one batch; every pair ends as a record."""
    from regbench.runs.batch import run_batch

    log_to(log)
    plan = Workflow.of(study)
    w = SimpleNamespace(task=task, method=method, variant=variant, batch=batch)
    pairs = [pair for path in plan.run_pairs(w) for pair in read_record(path)["pairs"]]
    timed = batch.startswith("timed_")
    model = [read_record(path) for path in plan.run_model(w)]
    run_batch(
        pairs[: plan.task(task).pairs.timed] if timed else pairs,
        plan.methods[method],
        plan.job_options(w),
        task=task,
        variant=variant,
        repetition=0 if timed else int(batch.partition("_")[0].removeprefix("r")),
        model_record=model[0] if model else None,
        folder=out.parent,
        threads=plan.study.threads,
        device=batch.removeprefix("timed_") if timed else device(plan.study.device),
        limits=plan.study.limits,
        seed=plan.study.seed,
        code_fingerprint=plan.method_code("runs", method),
        timed=timed,
        repetitions=plan.study.timing.repetitions,
        precision="full" if timed else plan.study.fields.precision,
        scored_by=None if plan.study.fields.keep == "all" else plan.scored_by(w),
        on_failure=plan.study.on_failure,
    )


@stage()
def score(
    study: StudyFile, task: Word, method: Word, variant: Word, batch: Word, out: Out, log: Log = None
) -> None:
    """Stage scores: all metrics of the runs of one batch."""
    from regbench.scores.score import score_batch

    log_to(log)
    plan = Workflow.of(study)
    w = SimpleNamespace(task=task, method=method, variant=variant, batch=batch)
    (pairs,) = plan.run_pairs(w)
    with machine_lock("shared"), took("scoring"):
        score_batch(
            Path(pairs),
            plan.run_folder(w),
            out,
            plan.study.scores,
            keep=plan.study.fields.keep,
            scored_by=plan.scored_by(w),
            on_failure=plan.study.on_failure,
            log=log,
        )


@stage()
def choose(study: StudyFile, task: Word, method: Word, out: Out, log: Log = None) -> None:
    """Stage tuning: which of a method's settings is best on the validation pairs."""
    from regbench.tuning.tune import tried_settings, write_choice

    log_to(log)
    plan, w = Workflow.of(study), SimpleNamespace(task=task, method=method)
    assert plan.study.tuning
    tried = tried_settings(
        plan.tried(method), plan.setting_scores(w), plan.setting_runs(w), plan.setting_models(w)
    )
    write_choice(out, tried, plan.study.tuning.folding_percent, {"task": task, "method": method})


@stage()
def tuning_page(study: StudyFile, log: Log = None) -> None:
    """Stage tuning: every setting that was tried, on one page."""
    from regbench.tables.tuned import write_page

    log_to(log)
    plan = Workflow.of(study)
    write_page([Path(path) for path in plan.tuning_reports()], Path(*plan.tuning_page()), plan.methods)


@stage()
def gather(study: StudyFile, log: Log = None) -> None:
    """Stage tables: all scores and all timings in one file each, and where they were measured."""
    from regbench.provenance import environment
    from regbench.tables.gather import gather_scores, gather_timings

    log_to(log)
    plan = Workflow.of(study)
    gather_scores(plan.score_files(), plan.folder / "scores.csv")
    gather_timings(plan.run_records(), plan.model_records(), plan.folder / "timings.csv")
    facts = {
        "environment": environment(),
        "study": plan.study.model_dump(mode="json", exclude={"method_folders"}),
        "code": {stage: plan.code(stage) for stage in STAGE_CODE},
        "methods": {name: plan.method_facts(name) for name in plan.taking_part()},
    }
    write_record(plan.folder / "provenance.json", facts)


@stage()
def tables(study: StudyFile, log: Log = None) -> None:
    """Stage tables: Table 1, Table 2 and the paper's claims from scores.csv and timings.csv."""
    from regbench.tables.tables import write_tables

    log_to(log)
    plan = Workflow.of(study)
    write_tables(plan.study, plan.folder, plan.methods)


@stage()
def figures(study: StudyFile, log: Log = None) -> None:
    """Stage figures: every figure of the study, from tables and stored fields."""
    from regbench.figures.figures import write_figures

    log_to(log)
    plan = Workflow.of(study)
    learned = {name for name, method in plan.methods.items() if method.learned}
    with machine_lock("shared"):
        write_figures(plan.study, plan.folder, plan.figures(), plan.runs(), plan.trained(), learned)


app.command(epilog=commands.REGISTER)(commands.register)
app.command(epilog=commands.APPLY)(commands.apply)
app.command("new-method", epilog=commands.NEW_METHOD)(commands.new_method)
app.command("test-method", epilog=commands.TEST_METHOD)(commands.try_method)


@app.command(epilog=SHOW)
def show(results: Results) -> None:
    """Print a study's tables and say where the files are."""
    from regbench.tables.terminal import print_tables, study_folder

    print_tables(study_folder(results))


@app.command(epilog=CLAIMS)
def claims(results: Results) -> None:
    """Print the paper's claims, each with what the study measured and a verdict."""
    from regbench.tables.terminal import print_claims, study_folder

    print_claims(study_folder(results))


@app.command(epilog=REPORT)
def report(
    results: Annotated[Path, typer.Argument(help="results/STUDY, finished")],
    out: Annotated[Path | None, typer.Option(help="the page; results/STUDY/report.html")] = None,
    log: Log = None,
) -> None:
    """Write a study's report: one HTML file that opens without a network. `snakemake` writes it as well."""
    from regbench.report.page import write_report

    log_to(log)
    plan, out = Workflow.of(results / "study.json"), out or results / "report.html"
    with machine_lock("shared"):
        size = write_report(plan.study, results, plan.methods, plan.runs(), out)
    print(f"{out}: {size / 1e6:.1f} MB")


@app.command(epilog=ESTIMATE)
def estimate(
    study: Annotated[Path, typer.Argument(help="a study's YAML")],
    results: Annotated[Path, typer.Option(help="where results go, and earlier studies' are")] = Path(
        "results"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Hours and gigabytes of each stage of a study, from rates measured on this machine."""
    from regbench.check.study import check_study
    from regbench.estimate.command import estimate_study

    plan = Workflow.from_file(study, results)
    check_study(plan)
    print(estimate_study(plan, as_json))


@app.command(epilog=RETRY)
def retry(
    results: Annotated[Path, typer.Argument(help="results/STUDY")],
    status: Annotated[str, typer.Option(help="which outcomes to run again")] = ",".join(FAILURES),
) -> None:
    """Forget failed steps, so that the next `snakemake` does them again with all that was skipped for them; what is ok stays."""
    from regbench.retry import forget

    for what, count in forget(results, {word.strip() for word in status.split(",")}).items():
        print(f"{what}: {count} will be done again by the next snakemake")


def stop_at_failure(plan: Workflow, step: str, out: Path, log: Path | None) -> None:
    """StepFailed where the record `out`, or one of the pairs in it, is of a failure and the study is to stop there."""
    if plan.study.on_failure == "record":
        return
    record = read_record(out)
    for each in [record, *record.get("pairs", [])]:
        if each.get("status") in FAILURES:
            raise StepFailed(step, each, log)


def device(wanted: str) -> str:
    """`cpu` or `cuda`: `auto` takes the GPU where there is one."""
    if wanted != "auto":
        return wanted
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def main() -> None:
    """Run a command; wrong input (exit code 2) ends in one clear message, a bug (1) in a traceback and the log's name."""
    end_with_main()
    try:
        app()
    except (ValueError, OSError) as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        sys.exit(_failed(f"regbench: {error}{FULL if full else ''}", 2))
    except MethodFailed as error:
        sys.exit(_failed(f"regbench: {error}", 3))
    except Exception:
        sys.exit(_failed(traceback.format_exc(), 1))


def _failed(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    if log := _log():
        with suppress(OSError):  # a full disk, perhaps, of which the message tells
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf8") as file:
                file.write(message + "\n")
        print(f"regbench: the log is {log}", file=sys.stderr)
    return code


def _log() -> Path | None:
    """The log that was given or, once it is open, the command's own."""
    if "--log" in sys.argv[:-1]:
        return Path(sys.argv[sys.argv.index("--log") + 1])
    opened = [h for h in logging.getLogger().handlers if isinstance(h, logging.FileHandler)]
    return Path(opened[0].baseFilename) if opened else None


if __name__ == "__main__":
    main()
