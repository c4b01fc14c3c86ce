"""The lines of a table laid out as cells of text: which columns, which block, which footnotes."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from string import ascii_uppercase

from regbench.scores.metrics import METRICS
from regbench.tables.paper import paper
from regbench.tables.summary import Line, Statistic, Timing

DEVICES = {"cpu": "CPU time (s)", "cuda": "GPU time (s)"}
ALSO = ("dsc", "hd95", "tre", "error", "folding", "error_border")
MOST = 5  # of them fit a terminal; the CSV has all
DAGGER = "†"


@dataclass
class Block:
    """A rectangle of text with its title."""

    title: str
    header: list[str]
    rows: list[list[str]]


@dataclass
class Document:
    """A table as it is read: title, facts about its origin, blocks, notes."""

    title: str
    facts: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def task_blocks(task: str, table: int, lines: list[Line], same_data: bool) -> list[Block]:
    """The paper's columns, then what else a benchmark needs, then published values if they are of other data.

    Of the same data, published values stand under the line of the method that they belong to.
    """
    printed = paper()["tables"][table]
    letters = machine_letters(lines)
    header = [
        "Method",
        *(METRICS[name].heading for name in printed["columns"]),
        *DEVICES.values(),
        "n",
        "failed",
    ]
    main = Block(f"Task {task}", header, [])
    left = {row["name"]: _published_cells(row, printed["columns"]) for row in printed["rows"].values()}
    for at, line in enumerate(lines):
        main.rows.append(_main_row(line, printed["columns"], letters))
        name = printed["rows"].get(line.method, {}).get("name")
        last = line.method not in {later.method for later in lines[at + 1 :]}
        if same_data and last and name in left:
            main.rows.append(["  published", *left.pop(name), "", ""])
    if same_data:
        main.rows += [[f"{name} (paper)", *cells, "", ""] for name, cells in left.items()]
        return [main, *_also(lines, printed)]
    title = f"Published ({paper()['citation']}, {printed['source']}): other data, not comparable"
    rows = [[name, *cells] for name, cells in left.items()]
    return [main, *_also(lines, printed), Block(title, header[:-2], rows)]


def notes(lines_by_task: dict[str, list[Line]]) -> list[str]:
    """Footnotes: what the numbers are, which runs failed, how many seeds."""
    lines = [line for each in lines_by_task.values() for line in each]
    found = [
        "Mean (SD) over n ordered pairs, seeds averaged first; what the published parentheses are is not said. "
        "Intervals: 95 %, bootstrap over subjects in both roles.",
        "MI in nats, 64 hard bins, in the brain. SSIM and PSNR over the whole grid, data range 1; "
        "on multi-modal pairs they are reported because the paper does. They rank no method there, and MI none anywhere.",
    ]
    if any("error" in line.values for line in lines):
        found.append(
            "Error: mean distance of the field from the truth in the brain; Border: beside label borders."
        )
    if any("tre" in line.values for line in lines):
        found.append(
            "TRE: mean distance of the landmarks from where they belong, in the moving scan's own space."
        )
    for task, each in lines_by_task.items():
        for line in each:
            if line.failures:
                counts = ", ".join(f"{count} {status}" for status, count in line.failures.items())
                found.append(f"Failures, task {task}: {line.label}: {counts}; means are over the other runs.")
            if line.seeds > 1:
                found.append(f"Task {task}: {line.label}: mean over {line.seeds} training seeds.")
    timings = [timing for line in lines for timing in _timings(line)]
    found += [_time_note(lines)] if timings else []
    if any(timing.total for timing in timings):
        found.append(
            f"{DAGGER} whole command, with its start and files: not comparable with steady compute times."
        )
    return found


def machine_letters(lines: Iterable[Line]) -> dict[str, str]:
    """A letter for each machine that times come from; none when a device has one machine only."""
    machines: dict[str, dict[str, None]] = {device: {} for device in DEVICES}
    for line in lines:
        for device, times in line.times.items():
            machines[device].update(dict.fromkeys(t.machine for t in times if isinstance(t, Timing)))
    if all(len(names) <= 1 for names in machines.values()):
        return {}
    names = list(dict.fromkeys(name for device in DEVICES for name in machines[device]))
    return dict(zip(names, ascii_uppercase, strict=False))


def statistic_text(value: Statistic | None, decimals: int) -> str:
    """`0.5207 (0.0022)`; the SD is left out where there is one pair only."""
    if value is None:
        return "-"
    mean = f"{value.mean:.{decimals}f}"
    return mean if math.isnan(value.sd) else f"{mean} ({value.sd:.{decimals}f})"


def _main_row(line: Line, columns: list[str], letters: dict[str, str]) -> list[str]:
    values = [statistic_text(line.values.get(name), METRICS[name].decimals) for name in columns]
    times = [_time_text(line.times[device], letters) for device in DEVICES]
    return [line.label, *values, *times, str(line.n), str(sum(line.failures.values()))]


def _published_cells(row: dict, columns: list[str]) -> list[str]:
    """A printed row, rounded like ours (the CSV has all digits); the parentheses may be SDs or variances."""
    values = [
        f"{row[name][0]:.{METRICS[name].decimals}f} ({row[name][1]:.{METRICS[name].decimals}f})"
        for name in columns
    ]
    times = [
        f"{seconds_text(row[name][0])} ({seconds_text(row[name][1])})" if name in row else "-"
        for name in DEVICES
    ]
    return [*values, *times]


def _also(lines: list[Line], printed: dict) -> list[Block]:
    """The other metrics that some line has, and the interval of the table's first metric."""
    names = [name for name in ALSO if name not in printed["columns"] and any(name in x.values for x in lines)]
    names = names[:MOST]
    head = printed["headline"]
    header = ["Method", f"95 % of {METRICS[head].title}", *(METRICS[name].heading for name in names)]
    rows = [
        [
            line.label,
            _interval_text(line.values.get(head), METRICS[head].decimals),
            *(statistic_text(line.values.get(name), METRICS[name].decimals) for name in names),
        ]
        for line in lines
    ]
    return [Block("Also measured", header, rows)]


def _interval_text(value: Statistic | None, decimals: int) -> str:
    if value is None or math.isnan(value.low):
        return "-"
    return f"{value.low:.{decimals}f} to {value.high:.{decimals}f}"


def _time_text(times: list[Timing] | str, letters: dict[str, str]) -> str:
    if isinstance(times, str):
        return times
    return " / ".join(
        f"{seconds_text(t.mean)} ({seconds_text(t.sd)})"
        + DAGGER * t.total
        + f" {letters.get(t.machine, '')}".rstrip()
        for t in times
    )


def seconds_text(value: float) -> str:
    """Three figures that mean something, without exponents; an SD of one call is no number."""
    if math.isnan(value):
        return "-"
    decimals = 3 if value < 1 else 2 if value < 10 else 1
    return f"{value:.{decimals}f}"


def _timings(line: Line) -> list[Timing]:
    return [timing for times in line.times.values() if not isinstance(times, str) for timing in times]


def _time_note(lines: list[Line]) -> str:
    letters = machine_letters(lines)
    machines = dict.fromkeys(timing.machine for line in lines for timing in _timings(line))
    named = "; ".join(f"{letters[name]}: {name}" if name in letters else name for name in machines)
    return f"Time: steady compute of one pair, array in to field out, after a cold call. Measured on {named}."
