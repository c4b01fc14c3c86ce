"""Which participants of a BIDS dataset are train, val and test: by participants.tsv, by the study, or by a draw."""

from collections.abc import Mapping
from pathlib import Path

from regbench.data._draw import seeded_order
from regbench.data._options import Split
from regbench.data._table import read_rows

WAYS = (
    "give participants.tsv a column of train, val and test and name it in `split`, or list `participants` by split, "
    "or give the splits' `shares`"
)
MISSING = ("", "n/a")  # how BIDS writes an unknown value


def split_by_table(path: Path, column: str) -> dict[str, str]:
    """Split by participant (`sub-01`), from participants.tsv; those whose cell is empty or n/a have none.

    ValueError names the file: absent, without that column, or a participant listed twice.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file, so no participant has a split; {WAYS}")
    rows = read_rows(path, {}, ["participant_id"], "name the column of participants (`sub-01`, …) so")
    if rows and column not in rows[0].values:
        raise ValueError(f"{path}: no column {column!r} (found {', '.join(rows[0].values)}); {WAYS}")
    found: dict[str, str] = {}
    for row in rows:
        person = full_name(row.get("participant_id"))
        if person in found:
            raise ValueError(f"{path}, line {row.line}: {person} is listed twice")
        found[person] = row.get(column)
    return {person: split for person, split in found.items() if split not in MISSING}


def split_by_list(listed: Mapping[Split, list[str]]) -> dict[str, str]:
    """Split by participant, from lists; ValueError where one is listed twice."""
    found: dict[str, str] = {}
    for split, people in listed.items():
        for person in map(full_name, people):
            if person in found:
                raise ValueError(f"`participants`: {person} is listed twice ({found[person]} and {split})")
            found[person] = split
    return found


def split_by_share(people: list[str], shares: Mapping[Split, float], seed: int) -> dict[str, str]:
    """Split by participant: a seeded order of their names, cut at the shares (which sum to 1)."""
    order = seeded_order(people, seed)
    found: dict[str, str] = {}
    done = 0.0
    for split, share in shares.items():
        low, done = done, done + share
        found |= dict.fromkeys(order[round(low * len(order)) : round(done * len(order))], split)
    return found


def full_name(person: str) -> str:
    """A participant as BIDS names it: `sub-01`, also where only `01` is written."""
    return person if person.startswith("sub-") else f"sub-{person}"
