"""The one interface of all datasets, and the checks that all of them share.

An adapter is a module of this package named after its `type`, with a class `Adapter(Dataset)`; helper modules start
with an underscore and are not adapters. Listing subjects is cheap, because Snakemake does it each time it starts.
"""

import importlib
import logging
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from regbench.data._options import Options, Split
from regbench.problems import Problem, Problems, nearest
from regbench.study import NAME, DatasetSettings
from regbench.validation import validated

log = logging.getLogger(__name__)
SPLITS: tuple[str, ...] = get_args(Split)
NOTHING = {
    "images": {}, "labels": None, "mask": None, "landmarks": {},
    "to_template": None, "from_template": None, "truth": {},
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """One scanned head. `sources` are its input files.

    `group` stays on one side of the split: the person (two scans of one person share it), or all people of a family or a
    site, of whom `person` is then the one who was scanned.
    """

    name: str
    split: str
    group: str
    sources: list[Path] = field(default_factory=list)
    person: str = ""  # empty: the group is the person


@dataclass(frozen=True)
class ScanFile:
    """One input file of a subject: what `regbench check` reads before any job does."""

    path: Path
    role: Literal["image", "labels", "mask", "landmarks", "truth"]
    subject: str
    split: str
    contrast: str | None = None  # of an image, its landmarks or truth
    analyze: bool = False  # the voxels (.img) of a file without orientation, read by geometry/analyze.py
    elsewhere: bool = (
        False  # labels or a mask that transforms bring to the image, whose grid they need not be on
    )
    allowed: tuple[int, ...] = ()  # of labels, the numbers there may be besides 0; empty: any


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

    def files(self) -> list[ScanFile]:
        """The input files to be checked, of every subject that can be told, also where `subjects` refuses the dataset.

        A generator has none. Files that are not there are told by `subjects`.
        """
        return []

    def warnings(self) -> list[Problem]:
        """What a person should know of a dataset that can be used, such as who was left out; `regbench check` tells it."""
        return []

    @property
    def people(self) -> str:
        """What its groups' names belong to: the same name in two datasets of one `people` is the same person."""
        return type(self).__module__

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
            raise KeyError(f"no subject {name!r}{nearest(name, found)}")
        return found[name]


def load_dataset(settings: DatasetSettings, folder: Path, key: str = "") -> Dataset:
    """The dataset that `settings`, at `key` of a study, describe; Problems if its type or an option is not valid."""
    known = adapters()
    if settings.type not in known:
        problem = Problem(
            f"{key}.type".lstrip("."),
            f"no dataset type {settings.type!r}{nearest(settings.type, known)}",
            f"known: {', '.join(known)}",
        )
        raise Problems([problem], f"{key or 'dataset'}: not a valid dataset")
    adapter = find_adapter(settings.type)
    heading = f"dataset of type {settings.type}: options not valid"
    return adapter(validated(adapter.options_model, settings.options, heading, key), folder)


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
    """The subjects, or Problems: bad names, unknown splits, doubles, and groups on two sides of the split."""
    subjects = list(subjects)
    problems = subject_problems(subjects, source)
    if problems:
        raise Problems(problems, f"{source}: not usable as a dataset")
    return subjects


def subject_problems(subjects: list[Subject], source: str) -> list[Problem]:
    """What is wrong with a list of subjects that `source`, a file or a key, gives."""
    if not subjects:
        return [Problem(source, "it has no subject", "add some; each needs a name and a split")]
    problems = [problem for subject in subjects for problem in _own_problems(subject, source)]
    return problems + _leaks(subjects, source)


def _own_problems(subject: Subject, source: str) -> list[Problem]:
    problems = []
    if not re.fullmatch(NAME, subject.name):
        problems.append(
            Problem(
                source,
                f"subject {subject.name!r}: names are letters, digits, '.', '-' and single '_' "
                "(a double underscore joins the two names of a pair)",
                "rename it",
            )
        )
    if subject.split not in SPLITS:
        problems.append(
            Problem(
                source,
                f"subject {subject.name!r}: split {subject.split!r} is none of {', '.join(SPLITS)}"
                + nearest(subject.split, SPLITS),
                "correct it",
            )
        )
    return problems


def _leaks(subjects: list[Subject], source: str) -> list[Problem]:
    problems = []
    by_name: dict[str, Subject] = {}
    by_group: dict[tuple[str, str], Subject] = {}
    for subject in subjects:
        if subject.name in by_name:
            first = by_name[subject.name]
            problems.append(
                Problem(
                    source,
                    f"subject {subject.name!r} is listed twice (splits {first.split} and {subject.split})",
                    "keep it once",
                )
            )
        for kept in [("group", subject.group), *([("person", subject.person)] if subject.person else [])]:
            first = by_group.setdefault(kept, subject)
            if first.split != subject.split and first.name != subject.name:
                what = f"the split leaks: {first.name!r} ({first.split}) and {subject.name!r} ({subject.split}) are both "
                what += f"of {kept[0]} {kept[1]!r}"
                problems.append(Problem(source, what, "keep a person on one side"))
        by_name[subject.name] = subject
    return problems
