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

PLAN = Workflow.from_config(
    config,
    results="results",
    method_folder=HERE / "workflow" / "methods",
    files=workflow.configfiles,
)
PACKAGE = Path(regbench.__file__).parent
RESULTS = PLAN.folder
LOGS = RESULTS / "logs"
ENVIRONMENT = str(HERE / "environment.yml")  # not relative: method files outside this repository use it too


report: "workflow/report/study.rst"


onstart:
    PLAN.write_study()
    if not PLAN.check_data(elsewhere=workflow.non_local_exec):
        raise WorkflowError("nothing was run: the study or its data have the errors above")
    if PLAN.study.on_failure == "stop":
        workflow.scheduler.keepgoing = False  # whatever the profile says


wildcard_constraints:
    **PLAN.wildcards(),


localrules:
    all,
    tables,
    tune,


include: "workflow/rules/data.smk"
include: "workflow/rules/prepared.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.tables.input,
        rules.figures.output,
        rules.write_report.output,
        PLAN.tuning_page,
