"""What is wrong with a study or its data, told so that a person can mend it; collected rather than stopping at the first."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """`where`: a file (and line) or a key of the study; `what` was found, and expected; `todo`: how to mend it."""

    where: str
    what: str
    todo: str = ""
    level: Level = "error"

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.todo}" if self.todo else "")


class Problems(ValueError):
    """Several problems in one exception, each on a line below `heading`."""

    def __init__(self, problems: Iterable[Problem], heading: str):
        self.problems = list(problems)
        super().__init__("\n".join([f"{heading}:", *(f"  {problem}" for problem in self.problems)]))


class MethodFailed(Exception):
    """A method gave no field; the message says what is known of it."""


class StepFailed(MethodFailed):
    """A step of a study, or of one pair, failed; the message holds its last words and names its log, if it has one."""

    def __init__(self, step: str, record: dict[str, Any], log: Path | None):
        lines = [f"{step} ended as {record['status']}: {record['message']}", *(record.get("log_tail") or [])]
        super().__init__("\n".join([*lines, *([f"its log is {log}"] if log else [])]))


@contextmanager
def collected(problems: list[Problem], where: str) -> Iterator[None]:
    """Put what the block finds wrong (ValueError, OSError) among `problems`; `where` is for messages that name no place."""
    try:
        yield
    except Problems as error:
        problems += error.problems
    except (ValueError, OSError) as error:
        problems.append(problem_of(str(error), where))


def problem_of(message: str, where: str, todo: str = "") -> Problem:
    """An error's message, `where: what; what to do`, as a problem; `todo` where it does not say what to do."""
    what, _, remedy = message.removeprefix(f"{where}: ").partition("; ")
    return Problem(where, what, remedy or todo)


def as_warnings(problems: Iterable[Problem]) -> list[Problem]:
    """The same problems as warnings."""
    return [replace(problem, level="warning") for problem in problems]


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)`, or nothing where no name is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
