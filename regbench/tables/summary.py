"""What a table says of each method, as numbers: means and spread over pairs, failures, times."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from regbench.scores.metrics import METRICS
from regbench.tables.calls import by_machine, clock_of, steady
from regbench.tables.frames import Frame
from regbench.tables.statistics import SubjectBootstrap

PAPER_ORDER = ("identity", "bspline", "syn", "voxelmorph", "dmi")
PAIR = ["fixed", "moving"]


class Method(Protocol):
    """What tables need to know of a method file."""

    @property
    def label(self) -> str: ...
    @property
    def control(self) -> bool: ...
    @property
    def learned(self) -> bool: ...
    @property
    def model_of(self) -> str | None: ...
    @property
    def devices(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Statistic:
    """Mean over pairs (seeds averaged first), sample SD over pairs, 95 % interval, pairs."""

    mean: float
    sd: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Timing:
    """Steady seconds on one machine; `total` when they hold a command's start and files too."""

    machine: str
    mean: float
    sd: float
    calls: int
    total: bool


@dataclass(frozen=True)
class Line:
    """One row of a table: a method variant on a task."""

    label: str
    method: str
    variant: str
    control: bool
    n: int
    seeds: int
    failures: dict[str, int]  # status -> runs
    values: dict[str, Statistic]  # by metric
    times: dict[str, list[Timing] | str]  # by device; text where there is no number


def summarise(scores: Frame, timings: Frame, methods: Mapping[str, Method], samples: int) -> list[Line]:
    """The lines of one task's table in the paper's order; scores and timings hold that task only."""
    whole = scores[scores["label"].isna()]
    several = whole.groupby("method")["variant"].nunique() > 1
    lines = []
    for (name, variant), rows in whole.groupby(["method", "variant"], sort=False):
        method = methods.get(str(name))
        label = method.label if method else str(name)
        mine = timings[(timings["method"] == name) & (timings["variant"] == variant)]
        lines.append(
            Line(
                label=f"{label} ({variant})" if several[name] else label,
                method=str(name),
                variant=str(variant),
                control=bool(method and method.control),
                n=len(rows[rows["status"] == "ok"].groupby(PAIR)),
                seeds=seeds_of(rows),
                failures=_failures(rows),
                values=_statistics(rows, samples),
                times={device: _times(mine, device, method) for device in ("cpu", "cuda")},
            )
        )
    return sorted(lines, key=_rank)


def seeds_of(rows: Frame) -> int:
    """Repetitions with a run that ended well: a training that failed is no seed, whatever rows tell of it."""
    return int(rows[rows["status"] == "ok"]["repetition"].nunique())


def pair_values(rows: Frame) -> Frame:
    """Metric values with pairs as rows and metrics as columns, averaged over the seeds that succeeded."""
    good = rows[(rows["status"] == "ok") & rows["label"].isna()]
    return good.pivot_table(index=PAIR, columns="metric", values="value", aggfunc="mean").reset_index()


def _rank(line: Line) -> tuple:
    known = line.method in PAPER_ORDER
    place = PAPER_ORDER.index(line.method) if known else len(PAPER_ORDER) + line.control
    return place, line.label


def _failures(rows: Frame) -> dict[str, int]:
    """Runs that have no scores, by status; a run is counted once, whatever number of metrics it lacks."""
    bad = rows[rows["status"] != "ok"].drop_duplicates([*PAIR, "repetition"])
    return {str(status): int(count) for status, count in bad["status"].value_counts().sort_index().items()}


def _statistics(rows: Frame, samples: int) -> dict[str, Statistic]:
    values = pair_values(rows)
    found = {}
    for metric in METRICS:
        if metric in values and values[metric].notna().any():
            known = values[values[metric].notna()]
            bootstrap = SubjectBootstrap(known["fixed"], known["moving"], samples)
            x = known[metric]
            low, high = bootstrap.interval(x.to_numpy())
            found[metric] = Statistic(float(x.mean()), float(x.std()), low, high, len(x))
    return found


def _times(rows: Frame, device: str, method: Method | None) -> list[Timing] | str:
    """Steady compute of a method by machine: numbers of different machines are never averaged."""
    if method and (method.control or device not in method.devices):
        return "-"
    here = rows[rows["device"] == device]
    found = [
        Timing(machine, float(x.mean()), float(x.std()), len(x), clock_of(part) == "total")
        for _, machine, part in by_machine(here)
        if len(x := steady(part, clock_of(part))["seconds"])
    ]
    failed = here[(here["phase"] != "train") & ~here["status"].isin(["ok", "skipped"])]
    return found or ("not measured" if failed.empty else "failed")
