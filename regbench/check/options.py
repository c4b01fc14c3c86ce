"""Options of variants against the method that takes them: its class is made, as a run would make it, but not set up."""

import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib.util import find_spec
from typing import Any

from regbench.methods.contract import load_method
from regbench.methods.discovery import MethodFile
from regbench.plan import Plan
from regbench.problems import Problem, nearest, problem_of
from regbench.runs.jobs import PLACEHOLDER

UNKNOWN = re.compile(r"unexpected keyword argument '(\w+)'")


def option_problems(plan: Plan) -> list[Problem]:
    """Options that no method takes or that it refuses, for every variant of every method that takes part."""
    taking_part = dict.fromkeys(method for task in plan.study.tasks for method in plan.task_methods(task))
    return [
        problem
        for name in taking_part
        for variant in plan.variants(name)
        for problem in _variant_problems(plan, plan.methods[name], variant)
    ]


def _variant_problems(plan: Plan, method: MethodFile, variant: str) -> list[Problem]:
    key = f"methods.{method.name}.variants.{variant}"
    changed = plan.study.method(method.name).variants[variant]
    problems = _texts(key, method, changed)
    if method.command:
        return problems + _unused(key, method, changed)
    missing = any(find_spec(package) is None for package in method.packages)  # told by study_problems
    if (
        problems or missing or method.interpreter
    ):  # the class of another interpreter cannot be imported by this one
        return problems
    return _refusals(key, method, plan.options(method.name, variant))


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
    words = {word.lower() for word in PLACEHOLDER.findall(method.command or "")} | set(method.options)
    return [
        Problem(
            f"{key}.{name}",
            f"unknown option{nearest(name, words)} of {method.path}",
            f"expected some of {', '.join(sorted(method.options)) or 'none'}, or a word of its command",
        )
        for name in changed
        if name.lower() not in words
    ]


def _refusals(key: str, method: MethodFile, options: dict[str, Any]) -> list[Problem]:
    """What the method's class says to these options."""
    assert method.python
    with _importable(method):
        try:
            load_method(method.python, options)
        except ValueError as error:
            unknown = UNKNOWN.search(str(error))
            if unknown is None:
                return [problem_of(str(error), key, f"{method.path} says what it takes")]
            known = _known(method)
            what = f"unknown option{nearest(unknown[1], known)} of {method.python}"
            return [Problem(f"{key}.{unknown[1]}", what, f"expected some of {', '.join(sorted(known))}")]
        except Exception as error:  # a method is anybody's code
            what = f"{method.python} cannot be made with these options: {type(error).__name__}: {error}"
            return [Problem(key, what, f"{method.path} says what it takes")]
    return []


def _known(method: MethodFile) -> set[str]:
    """Names of the options that a class takes, those of a training among them."""
    from regbench.models.settings import TrainingSettings

    module, _, name = (method.python or "").partition(":")
    parameters = inspect.signature(getattr(sys.modules[module], name)).parameters.values()
    taken = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD} | set(method.options)
    return taken | ({each.name for each in fields(TrainingSettings)} if method.trains else set())


@contextmanager
def _importable(method: MethodFile) -> Iterator[None]:
    """Modules beside the method file can be imported, as the runner sees to it."""
    folder = str(method.path.parent.resolve())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
