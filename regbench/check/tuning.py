"""What a study tunes: methods with as many settings as it asks for, and validation pairs to try them on."""

import re
from collections.abc import Iterator

from regbench.plan import SETTING, TUNED, Plan
from regbench.problems import Problem

RESERVED = re.compile(rf"{TUNED}|{SETTING}\d+")


def tuning_problems(plan: Plan) -> list[Problem]:
    """All that is wrong with the key `tuning`; none where nothing is tuned."""
    if plan.study.tuning is None or not plan.study.tasks:
        return []
    tuned = dict.fromkeys(method for _, method in plan.tuned())
    if not tuned:
        todo = "write `TUNING = [{…}, …]` above a method's rule, or set `tuning: null`"
        return [Problem("tuning", "no method of the study's tasks has settings to choose from", todo)]
    problems = [problem for method in tuned for problem in _method_problems(plan, method)]
    return [*problems, *_left_out(plan, set(tuned)), *_without_pairs(plan)]


def _method_problems(plan: Plan, name: str) -> Iterator[Problem]:
    method, wanted = plan.methods[name], plan.study.tuning.settings if plan.study.tuning else 0
    if len(method.tuning) < wanted:
        what = f"{len(method.tuning)} settings in TUNING, `tuning.settings` asks for {wanted} of every method"
        yield Problem(str(method.path), what, "add some, lower it, or name other methods in `tuning.methods`")
    for variant in filter(RESERVED.fullmatch, plan.study.method(name).variants):
        what = f"{variant!r} is a name that tuning gives"
        yield Problem(f"methods.{name}.variants", what, "call the variant something else")


def _left_out(plan: Plan, tuned: set[str]) -> Iterator[Problem]:
    """Methods that are to be tuned and take part in no task; those that have no settings where all are to be tuned."""
    taking_part = plan.taking_part()
    asked = plan.study.tuning.methods if plan.study.tuning else None
    for name in asked or ():
        if name in plan.methods and name not in taking_part:
            yield Problem("tuning.methods", f"{name} takes part in no task", "name it in a task, or not here")
    compared = [plan.methods[name] for name in taking_part if asked is None and name not in tuned]
    for method in compared:
        if method.timed and not method.control:
            what = "no TUNING: it is compared by its default settings with others' tuned ones"
            yield Problem(str(method.path), what, "write `TUNING = [{…}, …]` above its rule", "warning")


def _without_pairs(plan: Plan) -> Iterator[Problem]:
    for task in dict.fromkeys(task for task, _ in plan.tuned()):
        if not plan.pairs(task, "val"):
            what = f"no val pair in dataset {plan.task(task).dataset}: `tuning` has nothing to choose by"
            todo = (
                "put subjects into the split `val` (two, for pairs between subjects), or set `tuning: null`"
            )
            yield Problem(f"tasks.{task}", what, todo)
