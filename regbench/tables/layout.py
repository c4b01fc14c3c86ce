"""The lines of a table laid out as cells of text: which columns, which block, which footnotes."""

import math
from collections.abc import Iterable
from string import ascii_uppercase

from regbench.scores.metrics import METRICS
from regbench.tables.document import Block, Cell
from regbench.tables.marks import Marks
from regbench.tables.paper import paper
from regbench.tables.summary import Line, Statistic, Timing

DEVICES = {"cpu": "CPU time (s)", "cuda": "GPU time (s)"}
ALSO = ("dsc", "hd95", "tre", "error", "folding", "error_border")
RIGHT = ("error", "tre", "dsc")  # what tells how right a field is, the best of them first
MOST = 5  # of them fit a terminal; the CSV has all
DAGGER = "†"


def task_blocks(task: str, table: int, lines: list[Line], marks: Marks, same_data: bool) -> list[Block]:
    """The paper's columns, then what else a benchmark needs, then published values if they are of other data.

    Of the same data, published values stand under the line of the method that they belong to.
    """
    printed = paper()["tables"][table]
    columns, rows = printed["columns"], printed["rows"]
    letters = machine_letters(lines)
    header = ["Method", *(METRICS[name].heading for name in columns), *DEVICES.values(), "n", "failed"]
    main = Block(f"Task {task}", header, [])
    left = {
        row["name"]: [_published_cell(row, name) for name in (*columns, *DEVICES)] for row in rows.values()
    }
    for at, line in enumerate(lines):
        main.rows.append(_main_row(line, columns, marks, letters))
        name = rows.get(line.method, {}).get("name")
        last = line.method not in {later.method for later in lines[at + 1 :]}
        if same_data and last and name in left:
            main.rows.append(_beside(name, left.pop(name)))
    also = _also(lines, printed, marks)
    if same_data:
        main.rows += [_beside(name, cells) for name, cells in left.items()]
        return [main, *also]
    title = f"Published ({paper()['citation']}, {printed['source']}): other data, not comparable"
    return [main, *also, Block(title, header[:-2], [[Cell(name), *cells] for name, cells in left.items()])]


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
        found += _no_gain(task, each)
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


def seconds_cell(seconds: float, mark: str = "") -> Cell:
    """Seconds as text, with a mark behind them, and as a number."""
    return Cell(seconds_text(seconds) + mark, seconds)


def count_cell(count: float) -> Cell:
    """A whole number; a dash where there is none."""
    return Cell("-" if math.isnan(count) else f"{count:.0f}", count)


def _no_gain(task: str, lines: list[Line]) -> list[str]:
    """A footnote on the rows whose deformation gains nothing over the affine alone: something is wrong with them, their
    settings, their training or the task. Rows that lack pairs cannot be compared so."""
    affine = next((line for line in lines if line.method == "identity"), None)
    name = next((name for name in RIGHT if affine and name in affine.values), None)
    if affine is None or name is None:
        return []
    sign = 1 if METRICS[name].better == "higher" else -1
    level = sign * affine.values[name].mean
    alike = [line for line in lines if line.n == affine.n and name in line.values and not line.control]
    rows = [line.label for line in alike if sign * line.values[name].mean <= level]
    told = f"Task {task}: no better than {affine.label} by mean {METRICS[name].title}: {', '.join(rows)}."
    return [told] if rows else []


def _main_row(line: Line, columns: list[str], marks: Marks, letters: dict[str, str]) -> list[Cell]:
    values = [_statistic_cell(line, name, marks) for name in columns]
    times = [_time_cell(line.times[device], letters) for device in DEVICES]
    return [Cell(line.label), *values, *times, count_cell(line.n), count_cell(sum(line.failures.values()))]


def _statistic_cell(line: Line, name: str, marks: Marks) -> Cell:
    """`0.5207 (0.0022)`; the SD is left out where there is one pair only."""
    value = line.values.get(name)
    if value is None:
        return Cell("-")
    decimals = METRICS[name].decimals
    text = f"{value.mean:.{decimals}f}" + ("" if math.isnan(value.sd) else f" ({value.sd:.{decimals}f})")
    return Cell(text, value.mean, marks.of.get(name, {}).get((line.method, line.variant)))


def _published_cell(row: dict, name: str) -> Cell:
    """A printed value, rounded like ours (the CSV has all digits); the parentheses may be SDs or variances."""
    if name not in row:
        return Cell("-")
    text = seconds_text if name in DEVICES else f"{{:.{METRICS[name].decimals}f}}".format
    mean, spread = row[name]
    return Cell(f"{text(mean)} ({text(spread)})", mean)


def _beside(name: str, cells: list[Cell]) -> list[Cell]:
    """A published row among ours. Its name tells it, for a reader may sort the rows."""
    return [Cell(f"{name} (paper)"), *cells, Cell(""), Cell("")]


def _also(lines: list[Line], printed: dict, marks: Marks) -> list[Block]:
    """The other metrics that some line has, and the interval of the table's first metric."""
    names = [name for name in ALSO if name not in printed["columns"] and any(name in x.values for x in lines)]
    names = names[:MOST]
    head = printed["headline"]
    header = ["Method", f"95 % of {METRICS[head].title}", *(METRICS[name].heading for name in names)]
    rows = [
        [
            Cell(line.label),
            _interval_cell(line.values.get(head), METRICS[head].decimals),
            *(_statistic_cell(line, name, marks) for name in names),
        ]
        for line in lines
    ]
    return [Block("Also measured", header, rows)]


def _interval_cell(value: Statistic | None, decimals: int) -> Cell:
    if value is None or math.isnan(value.low):
        return Cell("-")
    return Cell(f"{value.low:.{decimals}f} to {value.high:.{decimals}f}", value.low)


def _time_cell(times: list[Timing] | str, letters: dict[str, str]) -> Cell:
    """The times of all machines; the number is that of the first, for times of several are not one."""
    if isinstance(times, str):
        return Cell(times)
    texts = [
        f"{seconds_text(t.mean)} ({seconds_text(t.sd)})"
        + DAGGER * t.total
        + f" {letters.get(t.machine, '')}".rstrip()
        for t in times
    ]
    return Cell(" / ".join(texts), times[0].mean)


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
