"""The results/STUDY folders that are to be joined, as they were copied from their machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regbench.problems import Problem, Problems
from regbench.records import read_record
from regbench.study import Study, read_study
from regbench.tables.frames import Frame, read_table
from regbench.workflow import MERGED

NEEDED = ("study.json", "scores.csv", "timings.csv", "provenance.json")


@dataclass(frozen=True)
class Source:
    """One study as a machine left it. `folder` is only read."""

    label: str  # its name in the merged folder
    folder: Path
    study: Study
    provenance: dict[str, Any]
    scores: Frame
    timings: Frame

    @property
    def environment(self) -> dict[str, Any]:
        """Where its tables were gathered: host, cpu, libraries, commit and so on."""
        return self.provenance.get("environment") or {}

    def records(self, pattern: str) -> dict[str, Path]:
        """Its JSON records that match, by their paths in the folder."""
        found = sorted(self.folder.glob(pattern))
        return {path.relative_to(self.folder).as_posix(): path for path in found}


def read_sources(folders: Sequence[Path]) -> list[Source]:
    """Read two or more finished studies; Problems list every folder that is none, with what it lacks."""
    problems = [problem for folder in folders for problem in _problems(folder)]
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        what = "expected two or more different folders results/STUDY"
        problems.append(Problem(", ".join(map(str, folders)), what, "name each study once"))
    if problems:
        raise Problems(problems, "studies that cannot be merged")
    return [_read(folder, number) for number, folder in enumerate(folders, 1)]


def _problems(folder: Path) -> list[Problem]:
    if (folder / MERGED).is_file():
        return [
            Problem(str(folder), "already a merged study", "name all the studies it was made of, in one call")
        ]
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if not missing:
        return []
    what = f"no finished study: {', '.join(missing)} missing"
    return [
        Problem(str(folder), what, "give results/STUDY, whole, after `snakemake` has ended on its machine")
    ]


def _read(folder: Path, number: int) -> Source:
    return Source(
        f"{number}_{folder.resolve().name}",
        folder,
        read_study(folder / "study.json"),
        read_record(folder / "provenance.json"),
        read_table(folder / "scores.csv"),
        read_table(folder / "timings.csv"),
    )
