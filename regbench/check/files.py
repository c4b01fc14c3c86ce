"""All input files of a study, read in parallel; what was read before and has not changed since is remembered."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from regbench.check.scan import Facts, examine, facts_of
from regbench.check.together import problems_together
from regbench.data.base import ScanFile
from regbench.fingerprint import fingerprint
from regbench.plan import Plan
from regbench.problems import Problem
from regbench.progress import Progress
from regbench.records import read_record, write_text

REMEMBERED = "checked.json"


@dataclass(frozen=True)
class FileCheck:
    """The problems of all files, and how many of the files were read now."""

    problems: list[Problem]
    files: int
    read: int


def check_files(plan: Plan, threads: int) -> FileCheck:
    """Read what changed since the last check, in `threads` threads, and judge all files of all datasets."""
    datasets = {name: _files(plan, name) for name in plan.study.datasets}
    memory = _Memory(plan.folder / REMEMBERED, plan.study.limits.memory_gb)
    wanted = [file for files in datasets.values() for file in files]
    read = memory.learn(wanted, threads)
    problems: dict[Problem, None] = {}  # a file that two subjects share is told once
    for name, files in datasets.items():
        found = {file: memory.facts(file) for file in files}
        tasks = [task for task in plan.study.tasks.values() if task.dataset == name]
        told = [problem for facts in found.values() for problem in facts.problems]
        problems |= dict.fromkeys([*told, *problems_together(name, found, tasks)])
    return FileCheck(list(problems), len({file.path for file in wanted}), read)


def _files(plan: Plan, name: str) -> list[ScanFile]:
    """The files of a dataset that are there; what is wrong with the dataset itself was told by `study_problems`."""
    try:
        return [file for file in plan.dataset(name).files() if file.path.is_file()]
    except (ValueError, OSError):
        return []


class _Memory:
    """Facts by path and role, with the size and time of the file they were read from, kept in a JSON file."""

    def __init__(self, path: Path, memory_gb: float):
        self.path, self.memory_gb = path, memory_gb
        self.rules = [fingerprint(["regbench.check.scan"]), memory_gb]  # other rules, other facts
        self.known: dict[str, dict] = self._before()

    def _before(self) -> dict[str, dict]:
        try:
            kept = read_record(self.path)
            return kept["files"] if kept["rules"] == self.rules else {}
        except (OSError, ValueError, KeyError):
            return {}

    def facts(self, file: ScanFile) -> Facts:
        return facts_of(self.known[_key(file)]["facts"])

    def learn(self, files: Iterable[ScanFile], threads: int) -> int:
        """Read the files that are new or changed, and keep what all of them hold; returns how many were read."""
        stamps = {_key(file): (file, _stamp(file.path)) for file in files}
        self.known = {key: kept for key, kept in self.known.items() if key in stamps}
        todo = {k: v for k, v in stamps.items() if self.known.get(k, {}).get("stamp") != v[1]}
        progress = Progress("check", len(todo), "file")
        try:
            with ThreadPoolExecutor(threads) as pool:
                jobs = {pool.submit(examine, file, self.memory_gb): key for key, (file, _) in todo.items()}
                for done, job in enumerate(as_completed(jobs), 1):
                    key = jobs[job]
                    self.known[key] = {"stamp": todo[key][1], "facts": job.result().plain()}
                    progress.step(done)
        finally:  # also when stopped: the next check goes on from here
            if todo:
                self._keep()
        return len(todo)

    def _keep(self) -> None:
        with suppress(
            OSError
        ):  # a folder that cannot be written to is told among the problems of the machine
            write_text(self.path, json.dumps({"rules": self.rules, "files": self.known}))


def _key(file: ScanFile) -> str:
    allowed = ",".join(map(str, file.allowed))  # another list, other facts
    return f"{file.role}:{allowed and f'{allowed}:'}{file.path.absolute()}"


def _stamp(path: Path) -> list[int]:
    """Size, time of change of the content, and of the rights to it."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
