"""Options of variants against the method that takes them: its class is made, as a run would make it, but not set up."""

import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from regbench.check.methods import installed
from regbench.methods.contract import importable, load_method
from regbench.methods.discovery import PLACEHOLDER, MethodFile
from regbench.plan import Plan
from regbench.problems import Problem, nearest, problem_of

UNKNOWN = re.compile(r"unexpected keyword argument '(\w+)'")
FILES = {"fixed", "moving", "fixed_mask", "moving_mask", "out", "model", "pairs", "validation"}
GIVEN = FILES | {"python", "here", "threads", "device", "seed"}  # by the runner


def option_problems(plan: Plan) -> list[Problem]:
    """Options that no method takes or that it refuses, for every variant and setting of every method that takes part."""
    problems = [
        problem
        for name in plan.taking_part()
        for variant in plan.study.method(name).variants
        for problem in _variant_problems(plan, plan.methods[name], variant)
    ]
    tuned = dict.fromkeys(method for _, method in plan.tuned())
    return [*dict.fromkeys(problems), *(problem for m in tuned for problem in _setting_problems(plan, m))]


def _setting_problems(plan: Plan, name: str) -> list[Problem]:
    """What a tuned method's class refuses of its own settings, laid over the study's default variant of it."""
    method = plan.methods[name]
    if not method.python or method.own_environment or not all(map(installed, method.packages)):
        return []
    return [
        problem
        for number, setting in enumerate(plan.settings(name)[1:], 1)
        for problem in _refusals(
            f"{method.path}: TUNING, setting {number}", method, plan.options(name, setting)
        )
    ]


def _variant_problems(plan: Plan, method: MethodFile, variant: str) -> list[Problem]:
    settings = plan.study.method(method.name)
    changed, key = settings.variants[variant], f"methods.{method.name}"
    key += ".grid" if settings.grid and changed.keys() == settings.grid.keys() else f".variants.{variant}"
    problems = _texts(key, method, changed)
    if method.command:
        return problems + _unused(key, method, changed)
    if problems or method.own_environment or not all(map(installed, method.packages)):
        return problems  # the class cannot be imported here: packages are told by study_problems, or it lives elsewhere
    return _refusals(key, method, plan.options(method.name, variant)) or _missing(plan, key, method, variant)


def _texts(key: str, method: MethodFile, changed: dict[str, Any]) -> list[Problem]:
    """Texts where the method file has a number: YAML takes 1e-4, which lacks a point, for text."""
    return [
        Problem(
            f"{key}.{name}",
            f"the text {value!r}, expected a number as in {method.path}",
            "write 1e-4 as 1.0e-4",
        )
        for name, value in changed.items()
        if isinstance(value, str) and type(method.options.get(name)) in (int, float)
    ]


def _unused(key: str, method: MethodFile, changed: dict[str, Any]) -> list[Problem]:
    """Options that the command does not have: they would change nothing."""
    commands = f"{method.command or ''} {method.train or ''}"
    words = {word.lower() for word in PLACEHOLDER.findall(commands)} - GIVEN | set(method.options)
    return [_unknown_option(key, name, words, method.path) for name in changed if name.lower() not in words]


def _refusals(key: str, method: MethodFile, options: dict[str, Any]) -> list[Problem]:
    """What the method's class says to these options."""
    assert method.python
    with importable(method.path.parent):
        try:
            load_method(method.python, options)
        except ValueError as error:
            unknown = _unknown(method, options, str(error))
            if not unknown:
                return [problem_of(str(error), key, f"{method.path} says what it takes")]
            return [_unknown_option(key, name, _known(method), method.python) for name in unknown]
        except Exception as error:  # a method is anybody's code
            what = f"{method.python} cannot be made with these options: {type(error).__name__}: {error}"
            return [Problem(key, what, f"{method.path} says what it takes")]
    return []


def _missing(plan: Plan, key: str, method: MethodFile, variant: str) -> list[Problem]:
    """Files made elsewhere that are not there, told once a task; where some are, those pairs alone will fail."""
    problems = []
    for task in (task for task in plan.study.tasks if method.name in plan.task_methods(task)):
        with importable(method.path.parent):
            missing, wanted = plan.missing_files(task, method.name, variant)
        if missing:
            few = ", ".join(map(str, missing[:3])) + (", …" if len(missing) > 3 else "")
            what = f"{len(missing)} of the {wanted} files for the test pairs of {task} are not there: {few}"
            options = " and ".join(f"`{name}`" for name in method.requires) or "its options"
            todo = f"correct {options}, or make the files"
            problems.append(Problem(key, what, todo, "error" if len(missing) == wanted else "warning"))
    return problems


def _unknown_option(key: str, name: str, known: set[str], owner: object) -> Problem:
    todo = f"expected some of {', '.join(sorted(known))}" if known else "it takes none"
    return Problem(f"{key}.{name}", f"unknown option{nearest(name, known)} of {owner}", todo)


def _unknown(method: MethodFile, options: dict[str, Any], message: str) -> list[str]:
    """The options that a class did not know, from what it takes or from what it said."""
    found = UNKNOWN.search(message)
    if found or "does not take the options" not in message:
        return [found[1]] if found else []
    return [name for name in options if name not in _parameters(method)]


def _known(method: MethodFile) -> set[str]:
    """Names of the options that a class takes, those of a training among them."""
    from regbench.models.settings import TrainingSettings

    named = {name for name, each in _parameters(method).items() if each.kind is not each.VAR_KEYWORD}
    return (
        named
        | set(method.options)
        | ({each.name for each in fields(TrainingSettings)} if method.trains else set())
    )


def _parameters(method: MethodFile) -> Mapping[str, inspect.Parameter]:
    module, _, name = (method.python or "").partition(":")
    kind = getattr(sys.modules.get(module), name, None)
    return inspect.signature(kind).parameters if kind else {}
