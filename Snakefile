# data -> prepared -> models -> runs -> scores -> tuning -> tables -> figures -> report: one rule file a stage, in this order.
# `snakemake --cores all` runs the default study, config.yaml; `--configfile workflow/studies/NAME.yaml` another one.
import sys
from pathlib import Path

HERE = Path(workflow.current_basedir)
sys.path.insert(0, str(HERE))  # the package beside this file, also where it is not installed

import regbench
from regbench.interrupted import announce_main, clear_stale_locks
from regbench.workflow import Workflow, jobs_use

if "study" not in config:  # a study given with --configfile would otherwise be merged with the default one

    configfile: str(HERE / "config.yaml")


jobs_use(HERE)
if workflow.is_main_process:
    clear_stale_locks(Path(".snakemake"))
    announce_main()

# Two targets stand alone: tables of finished scores, and a download. Asked for these, nothing else is there: no rule that could
# run a method, no data that must be at hand. Snakemake itself says what was asked for only once this file has been read.
ASKED = {"all", "tables", "tune", "figures", "write_report", "paper_tables", "download_ixi"}.intersection(
    sys.argv
)
ALONE = bool(ASKED) and ASKED <= {"paper_tables", "download_ixi"}
PLAN = Workflow.from_config(
    config,
    results="results",
    method_folder=HERE / "workflow" / "methods",
    files=workflow.configfiles,
    check=not ALONE,
)
PACKAGE = Path(regbench.__file__).parent
RESULTS = PLAN.folder
LOGS = RESULTS / "logs"
ENVIRONMENT = str(HERE / "environment.yml")  # not relative: method files outside this repository use it too


report: "workflow/report/study.rst"


onstart:
    PLAN.write_study()
    if not (ALONE or PLAN.check_data(elsewhere=workflow.non_local_exec)):
        raise WorkflowError("nothing was run: the study or its data have the errors above")
    if PLAN.study.on_failure == "stop":
        workflow.scheduler.keepgoing = False  # whatever the profile says


wildcard_constraints:
    **PLAN.wildcards(),


include: "workflow/rules/paper_tables.smk"
include: "workflow/rules/download.smk"


STAGES = () if ALONE else PLAN.stages


for stage in STAGES:

    include: f"workflow/rules/{stage}.smk"


if STAGES:

    localrules:
        all,
        tables,

    rule all:
        default_target: True
        input:
            rules.tables.input,
            PLAN.tuning_page,
            rules.figures.output,
            rules.write_report.output,
