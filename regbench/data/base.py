"""The one interface of all datasets, and the checks that all of them share.

An adapter is a module of this package named after its `type`, with a class `Adapter(Dataset)`; helper modules start
with an underscore and are not adapters. Listing subjects is cheap, because Snakemake does it each time it starts.
"""

import difflib
import importlib
import logging
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, get_args

from pydantic import ValidationError

from regbench.data._options import Options, Split
from regbench.study import NAME, DatasetSettings

log = logging.getLogger(__name__)
SPLITS: tuple[str, ...] = get_args(Split)
NOTHING = {
    "images": {}, "labels": None, "mask": None, "landmarks": {},
    "to_template": None, "from_template": None, "truth": {},
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """One scanned head. `group` is the person (two scans of one person share it); `sources` are its input files."""

    name: str
    split: str
    group: str
    sources: list[Path] = field(default_factory=list)


class Dataset(ABC):
    """Subjects of one dataset. `folder` is where a generator keeps what it makes, in one subfolder a subject."""

    options_model: ClassVar[type[Options]]
    semi_synthetic: ClassVar[bool] = False  # tables say so, and published numbers stand apart

    def __init__(self, options: Any, folder: Path):
        self.options = options
        self.folder = Path(folder)

    @abstractmethod
    def subjects(self) -> list[Subject]:
        """All subjects, checked; ValueError lists what is wrong with them."""

    @abstractmethod
    def contrasts(self) -> list[str]:
        """Names of the contrasts that every subject has."""

    @property
    @abstractmethod
    def has_labels(self) -> bool:
        """Whether every subject has anatomical labels."""

    def knows_truth(self, pairing: str, fixed: str) -> bool:
        """Whether the true displacement of every test pair of that rule and fixed contrast is known."""
        return False

    @abstractmethod
    def _files(self, subject: Subject) -> dict[str, Any]:
        """The files of a subject, made or checked here: `images` and what else of NOTHING it has.

        `landmarks` holds files of points (geometry/landmarks.py) by the contrast of the image that they lie in.
        `to_template` and `from_template` are maps between subjects through a template; `truth` holds, by contrast, the
        field that takes a point of the subject's other images to its place in that one. All ITK fields, LPS mm.
        """

    def make(self, name: str) -> dict[str, Any]:
        """The data record of a subject (its files generated or checked). KeyError if there is no such subject."""
        subject = self._subject(name)
        head = {"subject": name, "split": subject.split, "group": subject.group}
        try:
            return {**head, "status": "ok", "message": "", **NOTHING, **self._files(subject)}
        except Exception as error:  # failure is data: one bad subject must not stop the others
            log.exception("subject %s failed", name)
            return {**head, "status": "error", "message": f"{type(error).__name__}: {error}", **NOTHING}

    def _subject(self, name: str) -> Subject:
        found = {subject.name: subject for subject in self.subjects()}
        if name not in found:
            raise KeyError(f"no subject {name!r}{_nearest(name, found)}")
        return found[name]


def load_dataset(settings: DatasetSettings, folder: Path) -> Dataset:
    """The dataset that `settings` describe; ValueError if its type is unknown or its options are not valid."""
    known = adapters()
    if settings.type not in known:
        raise ValueError(
            f"no dataset type {settings.type!r}{_nearest(settings.type, known)}; known: {', '.join(known)}"
        )
    adapter = find_adapter(settings.type)
    try:
        options = adapter.options_model.model_validate(settings.options)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc'])) or 'options'}: {e['msg']}" for e in error.errors()]
        raise ValueError(
            f"dataset of type {settings.type}: options not valid:\n" + "\n".join(lines)
        ) from error
    return adapter(options, folder)


def find_adapter(kind: str) -> type[Dataset]:
    """The adapter class of a dataset type."""
    return importlib.import_module(f"regbench.data.{kind}").Adapter


def adapters() -> list[str]:
    """Names of the dataset types: the modules of this package that do not start with an underscore."""
    here = str(Path(__file__).parent)
    return sorted(
        m.name for m in pkgutil.iter_modules([here]) if not m.name.startswith("_") and m.name != "base"
    )


def check_subjects(subjects: Iterable[Subject], source: str) -> list[Subject]:
    """The subjects, or ValueError listing bad names, unknown splits, doubles, and groups on two sides of the split."""
    subjects = list(subjects)
    problems = [problem for subject in subjects for problem in _own_problems(subject)]
    problems += _leaks(subjects)
    if not subjects:
        problems = ["it has no subject"]
    if problems:
        raise ValueError(f"{source}: not usable as a dataset:\n" + "\n".join(f"  {p}" for p in problems))
    return subjects


def _own_problems(subject: Subject) -> list[str]:
    problems = []
    if not re.fullmatch(NAME, subject.name):
        problems.append(
            f"subject {subject.name!r}: names are letters, digits, '.', '-' and single '_' "
            "(a double underscore joins the two names of a pair)"
        )
    if subject.split not in SPLITS:
        problems.append(f"subject {subject.name!r}: split {subject.split!r} is none of {', '.join(SPLITS)}")
    return problems


def _leaks(subjects: list[Subject]) -> list[str]:
    problems = []
    by_name: dict[str, Subject] = {}
    by_group: dict[str, Subject] = {}
    for subject in subjects:
        if subject.name in by_name:
            first = by_name[subject.name]
            problems.append(
                f"subject {subject.name!r} is listed twice (splits {first.split} and {subject.split})"
            )
        first = by_group.setdefault(subject.group, subject)
        if first.split != subject.split and first.name != subject.name:
            problems.append(
                f"the split leaks: {first.name!r} ({first.split}) and {subject.name!r} ({subject.split}) are both of "
                f"group {subject.group!r}; keep a person on one side"
            )
        by_name[subject.name] = subject
    return problems


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
