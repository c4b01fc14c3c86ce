"""Hours and gigabytes of a study: its work, times what the nearest measurement of this machine says of one unit."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import median
from typing import Any

from regbench.check.machine import free_gb
from regbench.estimate.samples import Sample
from regbench.estimate.work import STAGES, Work
from regbench.study import Study

BASE_MB = 300  # of a process that has imported what it needs and holds no image
FACTORS = {"same": 1.5, "alike": 3.0, "measured": 4.0}  # how far off an estimate may be, either way


@dataclass(frozen=True)
class Line:
    """What one piece of work takes; None where nothing is known. `basis`: a key of FACTORS, or "" then."""

    work: Work
    hours: float | None  # of all its jobs, one after another
    gigabytes: float | None
    memory_gb: float | None
    basis: str

    @property
    def factor(self) -> float:
        return FACTORS.get(self.basis, 1.0)


def estimate(work: Iterable[Work], samples: list[Sample], job_seconds: float) -> list[Line]:
    """A line for each piece of work. `job_seconds`: what a job takes before it does anything."""
    return [_line(each, samples, job_seconds) for each in work]


def known(work: Work, samples: list[Sample]) -> bool:
    """Whether anything was measured that the work's seconds can be told from."""
    return bool(_nearest(work, samples))


def _line(work: Work, samples: list[Sample], job_seconds: float) -> Line:
    found = _nearest(work, samples)
    if not found:
        return Line(work, None, None, None, "")
    ratio = work.voxels / found[0].voxels
    seconds = median(sample.seconds or 0.0 for sample in found) * ratio
    total = seconds * work.units
    if work.limit is not None:  # of one registration, or of one training
        total = min(total, work.limit * (work.jobs if work.stage == "models" else work.units))
    size = 1.0 if work.stage == "models" else ratio  # weights do not grow with the image
    bytes_ = _median(sample.bytes for sample in found) or 0.0
    memory = _median(sample.memory_mb for sample in found)
    return Line(
        work,
        (total + work.jobs * job_seconds) / 3600,
        (bytes_ * size * work.stored * work.share + work.extra_bytes) / 1e9,
        None if memory is None else (min(memory, BASE_MB) + max(memory - BASE_MB, 0) * ratio) / 1024,
        _basis(work, found[0]),
    )


def _nearest(work: Work, samples: list[Sample]) -> list[Sample]:
    """All samples as near as the nearest: the same options before others, records before miniatures, then by size."""
    fitting = [
        sample
        for sample in samples
        if (sample.stage, sample.name, sample.device) == (work.stage, work.name, work.device)
        and sample.seconds is not None
    ]
    ranks = [_distance(work, sample) for sample in fitting]
    return [sample for sample, rank in zip(fitting, ranks, strict=True) if rank == min(ranks)]


def _distance(work: Work, sample: Sample) -> tuple[bool, bool, bool, float]:
    other = sample.options != work.options
    away = round(abs(log(work.voxels / sample.voxels)), 3)
    return other, sample.spot, sample.threads != work.threads, away


def _basis(work: Work, sample: Sample) -> str:
    other, spot, threads, away = _distance(work, sample)
    if spot and away > log(2):
        return "measured"
    return "alike" if other or spot or threads or away > log(2) else "same"


def _median(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return median(there) if there else None


def totals(lines: list[Line], cores: int) -> dict[str, dict[str, float]]:
    """By stage and in all: hours, gigabytes, the least and the most hours, and hours of the clock on `cores` cores."""
    found = {}
    for stage in (*STAGES, "all"):
        own = [line for line in lines if stage in (line.work.stage, "all") and line.hours is not None]
        if own:
            found[stage] = {
                "hours": sum(line.hours or 0 for line in own),
                "least_hours": sum((line.hours or 0) / line.factor for line in own),
                "most_hours": sum((line.hours or 0) * line.factor for line in own),
                "clock_hours": sum(_clock(line, cores) for line in own),
                "gigabytes": sum(line.gigabytes or 0 for line in own),
            }
    return found


def _clock(line: Line, cores: int) -> float:
    """Hours that pass: as many jobs at once as there are cores for, and jobs; a timed run has the machine alone."""
    beside = 1 if line.work.alone else max(1, min(line.work.jobs, cores // line.work.threads))
    return (line.hours or 0) / beside


def warnings(lines: list[Line], study: Study, results: Path) -> list[str]:
    """What will not do: too little disk, a method that needs more memory than the study allows, what is not known."""
    found = []
    free = free_gb(results)
    needed = sum(line.gigabytes or 0 for line in lines)
    if needed > free:
        found.append(
            f"the results need about {needed:.3g} GB and {results} has {free:.3g} GB left; drop fields once scored "
            "(fields: {keep: 0}), store them at half precision (fields: {precision: half}), or put results elsewhere"
        )
    limit = study.limits.memory_gb
    for line in lines:
        if (line.memory_gb or 0) > limit:
            found.append(
                f"{line.work.name} on {line.work.task} may need {line.memory_gb:.3g} GB of memory, more than "
                f"limits.memory_gb = {limit:g}"
            )
    unknown = dict.fromkeys(
        f"{line.work.stage} {line.work.name}".strip() for line in lines if line.hours is None
    )
    return found + [f"{name}: not known, and not in the totals" for name in unknown]


def as_json(lines: list[Line], sums: dict[str, Any], warned: list[str], job_seconds: float) -> dict[str, Any]:
    """The estimate for machines: hours (a job's start among them) and gigabytes by line, totals by stage, warnings."""
    rows = [
        {
            "stage": line.work.stage, "name": line.work.name, "task": line.work.task, "device": line.work.device,
            "timed": line.work.alone, "units": line.work.units, "jobs": line.work.jobs, "hours": line.hours,
            "factor": line.factor, "gigabytes": line.gigabytes, "memory_gb": line.memory_gb, "basis": line.basis or None,
        }
        for line in lines
    ]  # fmt: skip
    return {"lines": rows, "totals": sums, "warnings": warned, "job_seconds": job_seconds}
