"""The whole check of a study: what it says, what its methods take, what the machine has, what its files hold."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from regbench.check.environments import environment_problems
from regbench.check.files import check_files
from regbench.check.machine import machine_problems
from regbench.check.options import option_problems
from regbench.check.study import study_problems
from regbench.plan import Plan
from regbench.problems import Problem
from regbench.progress import duration


@dataclass(frozen=True)
class Findings:
    """Problems of the study and of its files, apart; `note` says what was read."""

    study: list[Problem]
    files: list[Problem]
    note: str = ""

    @property
    def problems(self) -> list[Problem]:
        return [*self.study, *self.files]

    @property
    def bad_study(self) -> bool:
        return any(problem.level == "error" for problem in self.study)

    @property
    def bad_files(self) -> bool:
        return any(problem.level == "error" for problem in self.files)


def check_plan(plan: Plan, threads: int, elsewhere: bool = False) -> Findings:
    """Look at everything. `elsewhere`: the jobs may run on other machines than this one."""
    start = time.monotonic()
    said, sound = study_problems(plan)
    study = [*said, *machine_problems(plan, elsewhere), *option_problems(sound), *environment_problems(sound)]
    files = check_files(plan, threads)
    seconds = duration(time.monotonic() - start)
    note = f"{files.files} files, {files.read} of them new or changed, checked in {seconds}"
    return Findings(study, files.problems, note)


def told(problems: Iterable[Problem], note: str = "") -> str:
    """Lines for a person: errors, then warnings, then how many there are."""
    problems = sorted(problems, key=lambda problem: problem.level)
    errors = sum(problem.level == "error" for problem in problems)
    counts = [_count(errors, "error"), _count(len(problems) - errors, "warning")]
    end = ", ".join(counts) + (f" ({note})" if note else "")
    return "\n".join([*(f"{problem.level:<7}  {problem}" for problem in problems), end])


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
