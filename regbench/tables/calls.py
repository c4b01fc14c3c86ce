"""Timed calls as timings.csv has them: on which machine, on which clock, which of them are steady."""

from collections.abc import Iterator

from regbench.tables.frames import Column, Frame


def machine_of(rows: Frame, device: str) -> Column:
    """What a time depends on: processor and threads, or graphics card and driver, with the host's name."""
    if device == "cuda":
        return rows["gpu"] + ", driver " + rows["driver"] + " (" + rows["host"] + ")"
    threads = rows["threads"].map(lambda n: f"{n:.0f} thread{'s' * (n != 1)}")
    return rows["cpu"] + ", " + threads + " (" + rows["host"] + ")"


def by_machine(rows: Frame) -> Iterator[tuple[str, str, Frame]]:
    """(device, machine, its rows) of timed runs; those that were skipped measured nothing and are left out."""
    timed = rows[(rows["phase"] != "train") & (rows["status"] != "skipped")]
    for device, here in timed.groupby("device"):
        for machine, part in here.groupby(machine_of(here, str(device))):
            yield str(device), str(machine), part


def clock_of(rows: Frame) -> str:
    """The phase that a method is timed by: `total` where all that can be seen is a whole command, else `compute`."""
    return "total" if (rows["kind"] == "command").any() else "compute"


def steady(rows: Frame, phase: str) -> Frame:
    """The rows of one phase of all calls but the cold ones."""
    return rows[(rows["phase"] == phase) & (rows["cold"] != "True") & rows["seconds"].notna()]


def cold(rows: Frame, phase: str) -> Frame:
    """The rows of one phase of each process's first call."""
    return rows[(rows["phase"] == phase) & (rows["cold"] == "True")]
