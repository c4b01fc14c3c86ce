"""`regbench estimate STUDY`."""

import json
import logging

from regbench.estimate.estimate import as_json, estimate, known, totals, warnings
from regbench.estimate.miniature import job_seconds, measure
from regbench.estimate.samples import earlier
from regbench.estimate.terminal import shown
from regbench.estimate.work import Work, work_of
from regbench.plan import Plan
from regbench.provenance import cores, environment

log = logging.getLogger(__name__)


def estimate_study(plan: Plan, machine: bool) -> str:
    """The estimate as a table, or as JSON; what no earlier study tells is measured first, in a few minutes."""
    gpu = environment()["gpu"] is not None
    device = ("cuda" if gpu else "cpu") if plan.study.device == "auto" else plan.study.device
    work = work_of(plan, device, gpu)
    samples = earlier(plan.results)
    for task in plan.study.tasks:
        names = (task, plan.task(task).dataset)
        if missing := [each for each in work if each.task in names and not known(each, samples)]:
            log.warning("%s: measuring on a small grid what no earlier study tells", task)
            for place in dict.fromkeys(each.device for each in missing):
                samples += measure(plan, task, _methods(missing, place, plan), place)
    start = job_seconds()
    lines = estimate(work, samples, start)
    have = cores()
    sums, warned = totals(lines, have), warnings(lines, plan.study, plan.results)
    if machine:
        return json.dumps(as_json(lines, sums, warned, start), indent=1)
    return shown(lines, sums, warned, have)


def _methods(missing: list[Work], device: str, plan: Plan) -> dict[str, str]:
    """The methods to be measured, each by its first variant; one that is quick where only other stages are missing."""
    names = {each.name for each in missing if each.stage in ("models", "runs") and each.device == device}
    return {name: plan.variants(name)[0] for name in sorted(names) or ["identity"]}
