"""LPBA40 (LONI): T1w scans of 40 people with 56 structures drawn by hand, in delineation space, as LONI distributes it.

    type: lpba40
    path: data/lpba40    # any folder above S01, S02, …, S40

    S01/  S01.delineation.skullstripped.hdr     S01.delineation.skullstripped.img.gz     the brain, int16
          S01.delineation.structure.label.hdr   S01.delineation.structure.label.img.gz   numbers of LABELS

in LPBA40/delineation_space/ of LPBA40subjects.delineation_space.zip, itself in
LPBA40_Subjects_Delineation_Space_MRI_and_label_files.zip of https://resource.loni.usc.edu/resources/atlases-downloads/
(atlas LPBA40; registration, and consent to its terms: research, citing Shattuck et al., NeuroImage 39(3), 2008). Names
from the loaders of honkamj/SITReg (src/data/lpba40) and others, which also read .img, and .nii.gz that their users
converted; images have a fourth axis of one. Numbers and names of structures: Brainstorm's mri_getlabels_lpba40.m.

The Analyze files do not say where their axes point. They are taken as L, P, S: so SITReg converts them, and so ITK reads
them. All 40 share that frame, and labels lie on their image, so a wrong assumption would mirror all alike and change no
score. NIfTI files are read as their headers say.

The paper trains on 32 people and tests on 8, and does not say on which. Here `test` is the last eight unless it is named;
of the other 32 the last `val` are for validation: a learned method keeps its best network by them, and `tuning` chooses by
them. With `val: 0` it trains on all 32 (992 ordered pairs) for its fixed number of epochs and keeps its last network.
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from regbench.data._lpba40_files import IMAGE, LABELS, as_nifti, check_labels, choose, find, is_analyze, parts
from regbench.data._options import Options
from regbench.data._scans import Scans, checked_files
from regbench.data.base import Dataset, ScanFile, Subject, check_subjects
from regbench.problems import Problem, Problems

PEOPLE = tuple(f"S{number:02d}" for number in range(1, 41))
HOW = (
    "register at https://resource.loni.usc.edu/resources/atlases-downloads/, download the LPBA40 subjects in delineation "
    "space (LPBA40_Subjects_Delineation_Space_MRI_and_label_files.zip), unpack it and the zip in it, and let `path` name "
    "the folder"
)


class Lpba40Options(Options):
    """Where the unpacked archive is, and who is tested and validated on."""

    path: Path  # relative to the working directory
    test: Annotated[tuple[str, ...], Field(min_length=1)] = PEOPLE[-8:]
    val: Annotated[int, Field(ge=0)] = 4  # the last of the others; 0: train on all of them

    @model_validator(mode="after")
    def _of_the_forty(self) -> "Lpba40Options":
        if unknown := sorted(set(self.test) - set(PEOPLE)):
            raise ValueError(f"`test` names {', '.join(unknown)}; LPBA40 has S01, S02, …, S40")
        if len(set(self.test)) < len(self.test):
            raise ValueError("`test` names somebody twice")
        if self.val > len(self.others):
            raise ValueError(f"`val: {self.val}`, but {len(self.others)} people are not in `test`")
        return self

    @property
    def others(self) -> list[str]:
        """Those who are not in `test`, in order."""
        return [person for person in PEOPLE if person not in self.test]

    def split(self, person: str) -> str:
        if person in self.test:
            return "test"
        return "train" if person in self.others[: len(self.others) - self.val] else "val"


class Adapter(Dataset):
    """The unpacked archive as a dataset. NIfTI files are used where they are, Analyze is converted into folder/S01/."""

    options_model = Lpba40Options
    options: Lpba40Options

    def subjects(self) -> list[Subject]:
        """S01 to S40; Problems where the folder or somebody's files are not there."""
        scans, problems = self._scans
        if problems:
            raise Problems(problems, f"{self.options.path}: not usable as LPBA40")
        sources = {s.subject: [part for path in s.sources for part in parts(path)] for s in scans}
        subjects = [Subject(s.subject, s.split, s.group, sources[s.subject]) for s in scans]
        return check_subjects(subjects, str(self.options.path))

    def files(self) -> list[ScanFile]:
        files = [file for scans in self._scans[0] for file in scans.files()]
        return [
            replace(file, analyze=is_analyze(file.path), allowed=(*LABELS,) if file.role == "labels" else ())
            for file in files
        ]

    def contrasts(self) -> list[str]:
        return ["T1w"]

    @property
    def has_labels(self) -> bool:
        return True

    def _files(self, subject: Subject) -> dict[str, Any]:
        scans = next(s for s in self._scans[0] if s.subject == subject.name)
        files = checked_files(as_nifti(scans, self.folder / subject.name))
        check_labels(Path(files["labels"]))
        return files

    @cached_property
    def _scans(self) -> tuple[list[Scans], list[Problem]]:
        """Everybody whose files are there, and what is wrong with the others."""
        where, found = str(self.options.path), find(self.options.path)
        if not found:
            return [], [Problem(where, self._instead(), HOW)]
        chosen = {person: choose(found, person) for person in PEOPLE}
        scans = [
            Scans(person, self.options.split(person), person, {"T1w": files[0]}, files[1])
            for person, files in chosen.items()
            if not isinstance(files, str)
        ]
        wrong = [what for what in chosen.values() if isinstance(what, str)]
        if not wrong:
            return scans, []
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        what = f"image and labels of {len(scans)} of {len(PEOPLE)} people found: {', '.join(wrong[:5])}{more}"
        return scans, [Problem(where, what, HOW)]

    def _instead(self) -> str:
        """What is there instead of LPBA40."""
        path = self.options.path
        if not path.is_dir():
            return "no such folder (seen from the working directory), expected LPBA40's 40 people in delineation space"
        names = sorted(file.name for file in path.iterdir())
        zips = [name for name in names if name.endswith(".zip")]
        what = f"nobody's image (S01.delineation.{IMAGE}.img.gz, .img or .nii.gz) in it or below it"
        return f"{what}, found {', '.join(zips or names[:5]) or 'an empty folder'}" + (
            ", not unpacked" if zips else ""
        )
