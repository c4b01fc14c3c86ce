"""Options of a BIDS dataset: which files are meant, and how its participants are split."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from regbench.data._options import Options, Split
from regbench.problems import nearest

Value = str | int | None  # of an entity


class BidsFilter(BaseModel):
    """Which file of a subject is meant. Further keys are entities as file names have them (`acq`, `run`, `desc`, …).

    A number matches whatever the leading zeros; null means that the file name must not have that entity.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    suffix: str | None = None  # None: any
    datatype: str = "anat"  # the folder within a subject's (or session's)
    derivatives: str | None = (
        None  # a folder in the dataset's `derivatives`, or an absolute path; None: the raw data
    )

    @model_validator(mode="after")
    def _within_a_subject(self) -> "BidsFilter":
        if "sub" in self.entities:
            raise ValueError("`sub` cannot be wanted: one file is looked for in every subject")
        for key in self.entities.keys() - known_entities():  # derivatives may have entities of their own
            if meant := nearest(key, ("suffix", "datatype", "derivatives")):
                raise ValueError(f"{key}: neither a key of a filter nor an entity of BIDS{meant}")
        for key, value in self.entities.items():
            if isinstance(value, bool) or not isinstance(value, str | int | None):
                raise ValueError(f"{key}: expected a word, a number or null, found {value!r}")
        return self

    @property
    def entities(self) -> dict[str, Value]:
        return self.model_extra or {}

    def __str__(self) -> str:
        return ", ".join(f"{k}: {v}" for k, v in self.model_dump(exclude_defaults=True).items()) or "any"


def known_entities() -> set[str]:
    """The entities of the BIDS schema, by their short names."""
    import ancpbids  # here: studies without BIDS data do not wait for it

    return {each.value["name"] for each in ancpbids.model_latest.EntityEnum}


class BidsOptions(Options):
    """Where the dataset is, which of its files are used, and how its participants are split."""

    path: Path  # the folder with dataset_description.json, relative to the working directory
    images: dict[str, BidsFilter] = Field(min_length=1)  # by contrast
    labels: BidsFilter | None = None  # every test subject must have them
    mask: BidsFilter | None = None
    sessions: str | int | None = (
        None  # a session's label, or `each`; None: no matter which, if there is but one
    )
    incomplete: Literal["refuse", "skip"] = "refuse"  # subjects that lack a wanted file
    split: str = "split"  # column of participants.tsv; empty or n/a leaves a participant out
    participants: dict[Split, list[str]] | None = None  # instead of the column; others are left out
    shares: dict[Split, float] | None = None  # instead of the column: a seeded draw
    seed: int = 0  # of that draw

    @model_validator(mode="after")
    def _agree(self) -> "BidsOptions":
        if len({"split", "participants", "shares"} & self.model_fields_set) > 1:
            raise ValueError("`split`, `participants` and `shares` are three ways to split; give one")
        if self.shares and (min(self.shares.values()) < 0 or abs(sum(self.shares.values()) - 1) > 1e-6):
            raise ValueError(f"`shares` are parts of 1, found {dict(self.shares)}")
        if self.sessions is not None and any("ses" in wanted.entities for wanted in self.filters):
            raise ValueError("`sessions` and a filter's `ses` both choose sessions; give one")
        return self

    @property
    def filters(self) -> list[BidsFilter]:
        return [*self.images.values(), *filter(None, (self.labels, self.mask))]
