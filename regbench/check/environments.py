"""Whether a method's own environment is there and has what the method needs: it is looked into for real."""

import os
import subprocess
import tempfile

from regbench.methods.discovery import MethodFile
from regbench.plan import Plan
from regbench.problems import Problem
from regbench.runs.environments import beside, made, python_of, start_of, variables_of

WORKER = ("numpy", "nibabel")  # what the worker of a Python class takes, whatever the class itself needs
OLD = "import sys; sys.version_info < (3, 11) and sys.exit(f'Python {sys.version.split()[0]}, expected 3.11 or later')"
FIND = "import sys; from importlib.util import find_spec; print(*[n for n in sys.argv[1:] if find_spec(n) is None])"
SECONDS = 600  # the first look at an image of a registry fetches it


def environment_problems(plan: Plan) -> list[Problem]:
    """Of every method that takes part, once; and warnings of those that would if their venv had been made."""
    tasks, taking_part = plan.study.tasks, plan.taking_part()
    problems = [environment_problem(plan.methods[name]) for name in taking_part]
    if any(task.methods is None for task in tasks.values()):
        left_out = (method for name, method in plan.methods.items() if name not in taking_part)
        problems += [_left_out(method) for method in left_out if not made(method)]
    return [problem for problem in problems if problem]


def environment_problem(method: MethodFile) -> Problem | None:
    """What keeps a method from running in its own environment here; None where nothing does, or it has none."""
    if not method.own_environment:
        return None
    packages = [*(WORKER if method.python else ()), *method.packages]
    try:
        missing = _asked(method, packages)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return _unusable(method, str(error), packages)
    if not missing:
        return None
    what = f"method {method.name} needs {', '.join(missing)}, which its {_named(method)} lacks"
    return Problem(str(method.path), what, "install it there, or leave the method out")


def _left_out(method: MethodFile) -> Problem:
    what = f"method {method.name} is left out: its {_named(method)} has not been made"
    todo = "make it as the method file says; a task that names its `methods` would not go without it"
    return Problem(str(method.path), what, todo, "warning")


def _asked(method: MethodFile, packages: list[str]) -> list[str]:
    """Those of `packages` that the environment lacks. ValueError, OSError or TimeoutExpired where nothing runs in it."""
    look = ["true"]
    if packages or method.venv:
        look = [python_of(method, ""), "-c", f"{OLD}\n{FIND}" if method.python else FIND, *packages]
    words = [word.replace("$TMPDIR", tempfile.gettempdir()) for word in [*start_of(method), *look]]
    variables = {**os.environ, **variables_of(method)}
    done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise ValueError(said[-1] if said else f"exit status {done.returncode}")
    return done.stdout.split()


def _unusable(method: MethodFile, why: str, packages: list[str]) -> Problem:
    what = f"method {method.name} cannot run in its {_named(method)}: {why}"
    return Problem(str(method.path), what, f"{_remedy(method, packages)}, or leave the method out")


def _remedy(method: MethodFile, packages: list[str]) -> str:
    if method.venv:
        folder = beside(method, method.venv)
        install = f" and `{folder}/bin/pip install {' '.join(packages)}`" if packages else ""
        return f"make it as the method file says, or with `python3 -m venv {folder}`{install}"
    if method.conda:
        return "install conda and make the environment (`conda env create`)"
    return "install apptainer, and name an image: a file beside the method's, or docker://NAME"


def _named(method: MethodFile) -> str:
    return f"{method.own_environment} {method.venv or method.conda or method.container}"
