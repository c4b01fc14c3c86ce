"""A BIDS dataset: contrasts, labels and masks chosen by suffix and entities, split by participants.tsv or the study.

    type: bids
    path: my_dataset                              # with dataset_description.json
    images: {T1w: {suffix: T1w, acq: mprage}, T2w: {suffix: T2w, run: 1}}
    labels: {derivatives: manual, suffix: dseg}   # in my_dataset/derivatives/manual
    mask: {derivatives: manual, suffix: mask, desc: brain}

A subject is a participant (`sub-01`) or, with `sessions: each`, one session of one (`sub-01_ses-pre`); a person's
sessions stay on one side of the split. Where each wanted file must be one, a second match is refused, not guessed at.
"""

import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from regbench.data._bids_files import (
    BidsFile,
    BidsFolder,
    folder_of,
    people_of,
    read_folder,
    same_value,
    which,
)
from regbench.data._bids_options import BidsFilter, BidsOptions, Value
from regbench.data._bids_splits import WAYS, split_by_list, split_by_share, split_by_table
from regbench.data._scans import Scans, checked_files
from regbench.data.base import Dataset, ScanFile, Subject, check_subjects
from regbench.problems import Problem, Problems

log = logging.getLogger(__name__)


@dataclass
class Gathered:
    """A subject's files as far as they were found."""

    scans: Scans
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def only(self, what: str, wanted: BidsFilter, files: list[BidsFile]) -> Path | None:
        """The file that is meant; None, and a word on why, where there is none or more than one."""
        if not files:
            self.missing.append(f"{what} ({wanted})")
        elif len(files) > 1:
            names = ", ".join(file.path.name for file in files)
            self.problems.append(f"{what} ({wanted}) could be each of {names}; {which(files)}")
        elif not files[0].path.is_file():
            self.problems.append(
                f"{files[0].path}: a link to contents that are not here; `datalad get` or `git annex get` it"
            )
        else:
            return files[0].path
        return None


class Adapter(Dataset):
    """A BIDS folder as a dataset. Nothing is copied; making a subject reads and checks its files."""

    options_model = BidsOptions
    options: BidsOptions

    def subjects(self) -> list[Subject]:
        """Those with a split, by name; ValueError names the folder and lists what lacks, doubles or leaks."""
        subjects = [Subject(s.subject, s.split, s.group, s.sources) for s in self._scans()]
        return check_subjects(subjects, str(self.options.path))

    @property
    def people(self) -> str:
        """The folder's: nearly every one has a sub-01."""
        return f"{super().people}, {self.options.path.resolve()}"

    def files(self) -> list[ScanFile]:
        """Every file that the filters mean and that was found, whatever is wrong with others."""
        return [file for scans in self._gathered[0] for file in scans.files()]

    def contrasts(self) -> list[str]:
        """Those of `images`, which every subject has."""
        return list(self.options.images)

    @property
    def has_labels(self) -> bool:
        return self.options.labels is not None

    def _files(self, subject: Subject) -> dict[str, Any]:
        return checked_files(next(s for s in self._scans() if s.subject == subject.name))

    def _scans(self) -> list[Scans]:
        scans, problems = self._gathered
        if problems:
            folder = str(self.options.path)
            raise Problems((Problem(folder, each) for each in problems), f"{folder}: not usable as a dataset")
        return scans

    @cached_property
    def _gathered(self) -> tuple[list[Scans], list[str]]:
        """The files found, by subject, and what is wrong; with `skip`, subjects that lack a file are left out."""
        people = self._splits()
        problems = [*dict.fromkeys(filter(None, (self._folder(f).explain(f) for f in self.options.filters)))]
        problems = problems or self._unknown_session()
        every = (
            [] if problems else [g for person, split in people.items() for g in self._gather(person, split)]
        )
        problems += [f"{g.scans.subject}: {reason}" for g in every for reason in g.problems]
        lacking = [f"{g.scans.subject} has no {' and no '.join(g.missing)}" for g in every if g.missing]
        if lacking and self.options.incomplete == "refuse":
            problems += [*lacking, "`incomplete: skip` leaves out subjects that lack a file"]
            return [g.scans for g in every], problems
        if lacking:
            log.info("%s: left out:\n  %s", self.options.path, "\n  ".join(lacking))
        return [g.scans for g in every if not g.missing], problems

    def _splits(self) -> dict[str, str]:
        """Split by participant, of those who have a folder and a split."""
        options = self.options
        people = people_of(options.path)
        if options.shares is not None:
            found = split_by_share(people, options.shares, options.seed)
        elif options.participants is not None:
            found = split_by_list(options.participants)
            if unknown := [person for person in found if person not in people]:
                raise ValueError(
                    f"{options.path}: no folder of {', '.join(unknown)}, named in `participants`; "
                    f"there are {', '.join(people)}"
                )
        else:
            found = split_by_table(options.path / "participants.tsv", options.split)
        if without := [person for person in people if person not in found]:
            log.info("%s: without a split, left out: %s", options.path, ", ".join(without))
        if len(without) == len(people):
            raise ValueError(f"{options.path}: none of its {len(people)} participants has a split; {WAYS}")
        return {person: found[person] for person in people if person in found}

    def _folder(self, wanted: BidsFilter) -> BidsFolder:
        return self._folders[wanted.derivatives]

    @cached_property
    def _folders(self) -> dict[str | None, BidsFolder]:
        """The raw data and the derivatives that filters name, each read once."""
        datatypes: dict[str | None, set[str]] = {}
        for wanted in self.options.filters:
            datatypes.setdefault(wanted.derivatives, set()).add(wanted.datatype)
        root = self.options.path
        return {name: read_folder(folder_of(root, name), types) for name, types in datatypes.items()}

    def _unknown_session(self) -> list[str]:
        """A problem where no image is of the session that was asked for."""
        wanted = self.options.sessions
        files = [f for each in self.options.images.values() for f in self._folder(each).files]
        there = sorted({f.entities["ses"] for f in files if "ses" in f.entities})
        if wanted in (None, "each") or any(same_value(ses, wanted) for ses in there):
            return []
        return [f"no image of session {wanted!r}; there are {', '.join(there) or 'no sessions'}"]

    def _gather(self, person: str, split: str) -> list[Gathered]:
        """A participant's subjects: one, or one a session."""
        if self.options.sessions != "each":
            return [self._subject_files(person, self.options.sessions, Scans(person, split, person))]
        images = [f for wanted in self.options.images.values() for f in self._fitting(wanted, person, None)]
        sessions = sorted({f.entities["ses"] for f in images if "ses" in f.entities})
        return [
            self._subject_files(person, ses, Scans(f"{person}_ses-{ses}" if ses else person, split, person))
            for ses in sessions or [None]
        ]

    def _subject_files(self, person: str, session: Value, scans: Scans) -> Gathered:
        """Put the one file that each filter means into `scans`, and say which filters mean none or several."""
        gathered = Gathered(scans)
        for contrast, wanted in self.options.images.items():
            path = gathered.only(contrast, wanted, self._fitting(wanted, person, session))
            if path:
                scans.images[contrast] = path
        if self.options.mask:
            wanted = self.options.mask
            scans.mask = gathered.only("mask", wanted, self._fitting(wanted, person, session))
        if self.options.labels:
            wanted = self.options.labels
            files = self._fitting(wanted, person, session)
            if files or scans.split == "test":  # training needs none
                scans.labels = gathered.only("labels", wanted, files)
        return gathered

    def _fitting(self, wanted: BidsFilter, person: str, session: Value) -> list[BidsFile]:
        files = self._folder(wanted).of_person.get(person, [])
        return [file for file in files if file.fits(wanted) and file.of_session(session)]
