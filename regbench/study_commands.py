"""The commands about a study as such: `regbench check` and `regbench list`."""

import importlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from regbench import PIPELINE
from regbench.methods.discovery import discover
from regbench.plan import METHODS
from regbench.problems import collected
from regbench.progress import log_to
from regbench.study import read_study
from regbench.workflow import Workflow

CHECK = """Examples:

    regbench check config.yaml

    regbench check workflow/studies/smoke.yaml --threads 8

Exit codes: 0 nothing is wrong (or warnings alone), 2 there are errors; the last line counts both.
"""
LIST = """Examples:

    regbench list methods

    regbench list methods --study mine.yaml

    regbench list metrics
"""
MERGE = """Examples:

    regbench merge gpu/results/demo cpu/results/demo -o results/merged

    regbench merge a/demo b/demo -o results/merged --allow-different libraries.torch
"""
REFERENCE = """Example:

    regbench reference results/demo --machine "a virtual machine of two cores"
"""
DOWNLOAD = """Example:

    regbench download-ixi data/ixi
"""
GO_ON = "To run the study without the scans in error, set `on_bad_data: record` in it."


def check(
    study: Annotated[Path, typer.Argument(help="a study (YAML), as given to snakemake")],
    results: Annotated[Path, typer.Option(help="the folder of results/STUDY")] = Path("results"),
    threads: Annotated[int | None, typer.Option(min=1, help="files read at once; the study's")] = None,
    before_jobs: Annotated[bool, typer.Option("--before-jobs", hidden=True)] = False,
    elsewhere: Annotated[bool, typer.Option("--elsewhere", hidden=True)] = False,
) -> None:
    """Tell everything that is wrong with a study and its data, before any job: file or key, what was expected, what to do.

    All files are read once; what has not changed since the last check is not read again.
    """
    from regbench.check.run import Findings, check_plan, told

    log_to(None)
    findings, on_bad_data = Findings([], []), "stop"
    with collected(findings.study, str(study)):
        plan = Workflow.of(study) if before_jobs else Workflow.from_file(study, results)
        findings = check_plan(plan, threads or plan.study.threads, elsewhere)
        on_bad_data = plan.study.on_bad_data
    print(f"{study}:")
    print(told(findings.problems, findings.note))
    if findings.bad_files and on_bad_data == "stop":
        print(GO_ON)
    go_on = before_jobs and on_bad_data == "record"  # Snakemake's own call, from the study.json it wrote
    if findings.bad_study or (findings.bad_files and not go_on):
        raise typer.Exit(2)


def merge(
    studies: Annotated[list[Path], typer.Argument(help="results/STUDY of two or more machines, copied here")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="the merged study's folder, such as results/merged")
    ],
    allow_different: Annotated[
        list[str] | None, typer.Option(help="key of a difference to accept; the first study counts")
    ] = None,
) -> None:
    """Join studies run on several machines into one, with one set of tables; different inputs or settings are refused.

    Of a run that several have, the first one's scores count, once they agree; times are all kept, each with its machine.
    """
    from regbench.merge.merge import merge_studies

    for line in merge_studies(studies, out, allow_different or ()):
        print(line)
    print(f"{out}: merged from {len(studies)} studies; `regbench show {out}` prints its tables")


def reference(
    results: Annotated[Path, typer.Argument(help="results/STUDY, finished, of a clean commit")],
    machine: Annotated[str, typer.Option(help="what to call the machine, in place of its host name")],
    out: Annotated[Path, typer.Option("-o", "--out", help="the folder to write anew")] = Path(
        "results/reference"
    ),
) -> None:
    """Keep a study's tables, scores and provenance as a small set for version control (results/reference)."""
    from regbench.reference import write_reference

    files = write_reference(results, out, machine)
    print(f"{out}: {len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.2f} MB")


def download_ixi(
    folder: Annotated[Path, typer.Argument(help="where the archives go")] = Path("data/ixi"),
    base: Annotated[str | None, typer.Option("--from", help="address of a mirror's folder")] = None,
    log: Annotated[Path | None, typer.Option(help="log file")] = None,
) -> None:
    """Fetch IXI's archives of T1 and T2 images (CC BY-SA 3.0), going on where a download ended; not what is there."""
    from regbench.data._ixi_download import BASE, download

    log_to(log)
    print("\n".join(download(folder, base or BASE)))


class Listing(StrEnum):
    """What can be listed."""

    methods = "methods"
    datasets = "datasets"
    metrics = "metrics"
    studies = "studies"


def list_(
    what: Annotated[Listing, typer.Argument(help="what to list", show_choices=True)],
    study: Annotated[Path | None, typer.Option(help="list its method folders too")] = None,
) -> None:
    """List what there is: methods, types of datasets, metrics, ready studies."""
    heads, rows = {
        Listing.methods: lambda: _methods(study),
        Listing.datasets: _datasets,
        Listing.metrics: _metrics,
        Listing.studies: _studies,
    }[what]()
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


Lines = tuple[list[str], list[list[str]]]


def _methods(study: Path | None) -> Lines:
    found = Workflow.from_file(study).methods if study else discover([METHODS])
    rows = [
        [name, m.label, " ".join(m.modalities), " ".join(m.devices), "yes" if m.learned else "no", m.source]
        for name, m in found.items()
    ]
    return ["METHOD", "ROW IN TABLES", "TASKS", "DEVICES", "LEARNED", "SOURCE"], rows


def _datasets() -> Lines:
    from regbench.data.base import adapters, find_adapter

    rows = []
    for name in adapters():
        doc = importlib.import_module(f"regbench.data.{name}").__doc__ or ""
        rows.append(
            [name, " ".join(find_adapter(name).options_model.model_fields), doc.strip().splitlines()[0]]
        )
    return ["TYPE", "KEYS", "WHAT IT IS"], rows


def _metrics() -> Lines:
    from regbench.scores.metrics import METRICS

    rows = [
        [name, m.heading, m.better, " ".join(sorted(m.ranked)) or "never", m.needs or "nothing", m.source]
        for name, m in METRICS.items()
    ]
    return ["METRIC", "COLUMN", "BETTER", "RANKED IN", "NEEDS", "SOURCE"], rows


def _studies() -> Lines:
    paths = [PIPELINE / "config.yaml", *sorted((PIPELINE / "workflow" / "studies").glob("*.yaml"))]
    rows = []
    for path in paths:
        study = read_study(path)
        rows.append([str(path.relative_to(PIPELINE)), " ".join(study.tasks), study.description])
    return ["STUDY", "TASKS", "WHAT IT IS"], rows
