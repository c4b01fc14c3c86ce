"""The estimate on the terminal."""

from regbench.estimate.estimate import FACTORS, Line
from regbench.progress import duration
from regbench.tables.formats import markdown_table

MEANING = {
    "same": "records of the same settings and about the same grid on this machine",
    "alike": "records of other settings or grids on this machine, or short measurements at about this grid",
    "measured": "short measurements on a small grid, made now",
}
UNITS = {"data": "subjects", "prepared": "images", "models": "steps", "runs": "pairs", "scores": "pairs"}
HEADER = ["stage", "what", "units", "time", "GB", "from"]


def shown(lines: list[Line], totals: dict[str, dict[str, float]], warned: list[str], cores: int) -> str:
    """A table of all lines and totals, how sure they are, and the warnings."""
    rows = [_row(line) for line in lines]
    rows += [
        [stage, "in all", "", _range(its["least_hours"], its["most_hours"]), _number(its["gigabytes"]), ""]
        for stage, its in totals.items()
    ]
    used = [basis for basis in FACTORS if any(line.basis == basis for line in lines)]
    notes = [
        f"- {basis}: from {MEANING[basis]}; right within a factor of {FACTORS[basis]:g}" for basis in used
    ]
    clock = duration(3600 * totals.get("all", {}).get("clock_hours", 0.0))
    done = f"About {clock} on {cores} cores with nothing there yet; the times above are of one job after another."
    return "\n".join(
        [markdown_table(HEADER, rows), "", done, *notes, *(f"WARNING: {text}" for text in warned)]
    )


def _row(line: Line) -> list[str]:
    work = line.work
    name = "" if work.stage == "data" else work.name
    what = " ".join(filter(None, [work.task, name, f"timed on {work.device}" if work.alone else ""]))
    time = "?" if line.hours is None else _range(line.hours / line.factor, line.hours * line.factor)
    size = "?" if line.gigabytes is None else _number(line.gigabytes)
    return [work.stage, what, f"{work.units} {UNITS[work.stage]}", time, size, line.basis or "not known"]


def _range(least: float, most: float) -> str:  # hours
    return f"{duration(3600 * least)} to {duration(3600 * most)}"


def _number(value: float) -> str:
    return "0" if value < 0.0005 else f"{value:.2g}" if value < 100 else f"{value:.0f}"
