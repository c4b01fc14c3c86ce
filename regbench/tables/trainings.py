"""What the training of a method cost, from timings.csv."""

from dataclasses import dataclass

from regbench.tables.calls import machine_of
from regbench.tables.frames import Frame


@dataclass(frozen=True)
class Training:
    """Seconds of one training (median over seeds) and of all, on one machine."""

    machine: str
    host: str
    seconds: float
    total: float
    seeds: int


def training_of(timings: Frame, method: str, variant: str, owner: str | None, host: str) -> Training | None:
    """The trainings of the models that a variant runs with; None when none ended well.

    timings: one task's rows. owner: another method that trains them (of the variant of the same name, else of the first).
    Trainings on `host` are taken where there are any, else those of the first machine: never a mean over machines.
    """
    rows = timings[(timings["phase"] == "train") & (timings["method"] == (owner or method))]
    rows = rows[rows["seconds"].notna()]
    names = set(rows["variant"])
    if owner and names and variant not in names:
        variant = rows["variant"].iloc[0]
    rows = rows[rows["variant"] == variant]
    found = [
        Training(
            str(machine), part["host"].iloc[0], part["seconds"].median(), part["seconds"].sum(), len(part)
        )
        for device, here in rows.groupby("device", sort=False)
        for machine, part in here.groupby(machine_of(here, str(device)), sort=False)
    ]
    return next((training for training in found if training.host == host), found[0] if found else None)
