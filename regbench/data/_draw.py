"""Which people of a dataset are train, val and test: a seeded draw of so many of each."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field

from regbench.data._options import Options
from regbench.problems import Problem, Problems

Count = Annotated[int, Field(ge=0)]


class Counts(Options):
    """How many people there are on each side of the split; the others are left out."""

    train: Count = 0
    val: Count = 0
    test: Count = 0

    @property
    def total(self) -> int:
        return self.train + self.val + self.test


def seeded_order(people: Iterable[str], seed: int) -> list[str]:
    """Names in an order that these and the seed alone decide, whatever order they came in."""
    return sorted(people, key=lambda person: hashlib.sha256(f"{seed}/{person}".encode()).digest())


def drawn(people: Iterable[str], counts: Counts, seed: int, path: Path) -> dict[str, str]:
    """Split by person. Test people are drawn first, so that more or fewer others to train on do not change them.

    Problems, of `path`, where there are fewer people than `counts` asks for.
    """
    order = seeded_order(set(people), seed)
    if counts.total > len(order):
        what = (
            f"{len(order)} people with all files, `subjects` asks for {counts.total} ({counts.train} train, "
        )
        what += f"{counts.val} val, {counts.test} test)"
        raise refusal(path, what, "ask for fewer, or add their files")
    found: dict[str, str] = {}
    for split in ("test", "val", "train"):
        count = getattr(counts, split)
        found |= dict.fromkeys(order[:count], split)
        order = order[count:]
    return found


def refusal(path: Path, what: str, todo: str) -> Problems:
    """What to raise where a folder cannot be used as a dataset."""
    return Problems([Problem(str(path), what, todo)], f"{path}: not usable as a dataset")


def contents(folder: Path, most: int = 5) -> str:
    """What lies in a folder, for a message: a few names and how many more."""
    names = sorted(path.name for path in folder.iterdir())
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "nothing"
