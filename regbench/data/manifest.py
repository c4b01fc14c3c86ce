"""A dataset of one's own files, listed in a CSV table.

Either one row a subject and contrast, with columns subject, contrast, image, split and, where there are, labels, mask,
group, landmarks, truth; or one row a subject, with file names made from the row by patterns
(`images: {T1w: "{subject}_T1w.nii.gz"}`).

`landmarks` are points in that image (geometry/landmarks.py says in which files): pairs whose both images have them get
the metric `tre`.

`truth` of an image that was warped is the known displacement field (ITK, LPS mm, pull-back) that takes a point of the
subject's other images, which lie on each other, to its place in this one; within-subject pairs with it as the moving
image have a true field.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from regbench.data._options import Options
from regbench.data._scans import OF_IMAGES, Scans, checked_files
from regbench.data._table import Row, read_rows
from regbench.data.base import Dataset, ScanFile, Subject, subject_problems
from regbench.problems import Problem, Problems

Column = Literal[
    "subject",
    "contrast",
    "image",
    "labels",
    "mask",
    "split",
    "group",
    "landmarks",
    "truth",
    "visit",
    "transforms",
]  # the last two of `type: followup` alone


class ManifestOptions(Options):
    """Where the table and the files are, and how the table is to be read."""

    path: Path  # the table, relative to the working directory
    root: Path | None = None  # what file names are relative to; None: the table's folder
    columns: dict[Column, str] = Field(default={})  # our name of a column: the table's
    images: dict[str, str] | None = Field(
        default=None, min_length=1
    )  # contrast: pattern with {columns} of the row
    labels: str | None = None  # pattern
    mask: str | None = None  # pattern
    landmarks: dict[str, str] = Field(default={})  # contrast: pattern
    truth: dict[str, str] = Field(default={})  # contrast: pattern

    @model_validator(mode="after")
    def _one_form(self) -> "ManifestOptions":
        if self.images is None and (self.labels or self.mask or self.landmarks or self.truth):
            raise ValueError(
                "patterns for `labels`, `mask`, `landmarks` and `truth` go with patterns for `images`; else they are columns"
            )
        for kind in OF_IMAGES:
            if unknown := getattr(self, kind).keys() - (self.images or {}).keys():
                raise ValueError(f"`{kind}` names {', '.join(sorted(unknown))}, which `images` does not")
        return self

    @property
    def folder(self) -> Path:
        """What relative file names are relative to."""
        return self.path.parent if self.root is None else self.root


@dataclass
class ListedScans(Scans):
    """One subject's files, gathered from its rows; `lines` says where each file is named."""

    lines: dict[Path, int] = field(default_factory=dict)


class Adapter(Dataset):
    """Existing files as a dataset. Nothing is copied; making a subject reads and checks its files."""

    options_model = ManifestOptions
    options: ManifestOptions

    def subjects(self) -> list[Subject]:
        """The table's subjects in its order; Problems lists leaks, doubles, bad names, missing files by line."""
        scans, problems = self._gathered
        subjects = [Subject(s.subject, s.split, s.group, list(s.lines)) for s in scans]
        source = str(self.options.path)
        problems = [*problems, *subject_problems(subjects, source), *_missing_files(scans, source)]
        problems += [] if problems else _missing_contrasts(scans, source)  # a refused row is a gap, too
        if problems:
            raise Problems(problems, f"{source}: not usable as a dataset")
        return subjects

    def files(self) -> list[ScanFile]:
        """Every file that the table names."""
        return [file for scans in self._gathered[0] for file in scans.files()]

    def contrasts(self) -> list[str]:
        """Those that every subject has, in the table's order."""
        scans = self._scans()
        return [name for name in scans[0].images if all(name in s.images for s in scans)] if scans else []

    @property
    def has_labels(self) -> bool:
        scans = self._scans()
        return all(s.labels is not None for s in _tested(scans))

    def knows_truth(self, pairing: str, fixed: str) -> bool:
        tested = _tested(self._scans())
        return pairing == "within" and all(s.truth and fixed not in s.truth for s in tested)

    def _scans(self) -> list[ListedScans]:
        scans, problems = self._gathered
        if problems:
            raise Problems(problems, f"{self.options.path}: not usable as a dataset")
        return scans

    @cached_property
    def _gathered(self) -> tuple[list[ListedScans], list[Problem]]:
        """The rows by subject, and what is wrong with the other rows."""
        rows = self._rows()
        found: dict[str, ListedScans] = {}
        wrong: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            if problem := self._add(found, row):
                wrong.setdefault(problem, []).append(row.line)
        return list(found.values()), [_row_problem(self.options.path, *each) for each in wrong.items()]

    def _rows(self) -> list[Row]:
        """The lines of the table."""
        form = ["subject", "split"] if self.options.images else ["subject", "split", "contrast", "image"]
        return read_rows(
            self.options.path, {**self.options.columns}, form, "`columns` maps our names to the table's"
        )

    def _add(self, found: dict[str, ListedScans], row: Row) -> tuple[str, str] | None:
        """Put a row's files with its subject; returns what is wrong with the row and what to do."""
        name, split = row.get("subject"), row.get("split")
        group = row.get("group") or name
        scans = found.setdefault(name, ListedScans(name, split, group))
        if (scans.split, scans.group) != (split, group):
            what = f"subject {name!r} has split {split!r} and group {group!r} here, "
            what += f"but {scans.split!r} and {scans.group!r} above"
            return what, "a person stays on one side of the split"
        try:
            images, labels, mask = self._names(row)
            others = {kind: self._of_images(kind, row) for kind in OF_IMAGES}
        except KeyError as error:
            what = f"a pattern names the column {error}, which the table does not have"
            return what, f"it has {', '.join(row.values)}"
        except ValueError as error:
            return str(error), "write a name below that folder, or whole file names in a column `image`"
        for contrast, image in images.items():
            if contrast in scans.images:
                return f"subject {name!r} is listed twice with contrast {contrast!r}", "keep one of the rows"
            if not contrast or not image:
                return f"subject {name!r} has an empty contrast or image", "fill the cell, or drop the row"
            scans.images[contrast] = self._path(image, row, scans)
            for kind, names in others.items():
                if names.get(contrast):
                    getattr(scans, kind)[contrast] = self._path(names[contrast], row, scans)
        scans.labels = self._path(labels, row, scans) if labels else scans.labels
        scans.mask = self._path(mask, row, scans) if mask else scans.mask
        return None

    def _names(self, row: Row) -> tuple[dict[str, str], str, str]:
        """File names of a row: images by contrast, labels, mask (empty where there are none)."""
        if self.options.images is None:
            return {row.get("contrast"): row.get("image")}, row.get("labels"), row.get("mask")
        cells = _Cells(row.values)
        patterns = (self.options.labels or "", self.options.mask or "")
        labels, mask = (pattern.format_map(cells) for pattern in patterns)
        return _filled(self.options.images, cells), labels, mask

    def _of_images(self, kind: str, row: Row) -> dict[str, str]:
        """File names of one of OF_IMAGES by contrast."""
        if self.options.images is None:
            return {row.get("contrast"): row.get(kind)}
        return _filled(getattr(self.options, kind), _Cells(row.values))

    def _path(self, name: str, row: Row, scans: ListedScans) -> Path:
        path = self.options.folder / name
        scans.lines.setdefault(path, row.line)
        return path

    def _files(self, subject: Subject) -> dict[str, Any]:
        return checked_files(next(s for s in self._scans() if s.subject == subject.name))


class _Cells(dict[str, str]):
    """A row's cells as patterns take them: names, which do not lead out of the folder that the pattern says."""

    def __getitem__(self, column: str) -> str:
        cell = super().__getitem__(column)
        if ".." in Path(cell).parts:
            raise ValueError(f"the cell {cell!r} of column {column!r} leads out of the folder of the pattern")
        return cell


def _filled(patterns: dict[str, str], cells: _Cells) -> dict[str, str]:
    return {contrast: pattern.format_map(cells) for contrast, pattern in patterns.items()}


def _tested(scans: list[ListedScans]) -> list[ListedScans]:
    return [s for s in scans if s.split == "test"] or scans


def _line(table: Path | str, line: int) -> str:
    return f"{table}, line {line}"


def _row_problem(table: Path, problem: tuple[str, str], lines: list[int]) -> Problem:
    """What is wrong with some rows in the same way, told once."""
    what, todo = problem
    more = f" (as in {len(lines) - 1} more lines)" if len(lines) > 1 else ""
    return Problem(_line(table, lines[0]), what + more, todo)


def _missing_files(scans: Iterable[ListedScans], table: str) -> list[Problem]:
    lines = [(line, path) for s in scans for path, line in s.lines.items() if not path.is_file()]
    return [_missing(_line(table, line), path) for line, path in sorted(lines)]


def _missing(where: str, path: Path) -> Problem:
    if path.is_dir():
        return Problem(
            where,
            f"{path} is a folder, expected a NIfTI file",
            "name the file in it; a folder of DICOM files becomes one with dcm2niix",
        )
    return Problem(where, f"no such file: {path}", "correct the name, or `root`, which names are relative to")


def _missing_contrasts(scans: list[ListedScans], table: str) -> list[Problem]:
    everywhere = list(dict.fromkeys(name for s in scans for name in s.images))
    gaps = [(s.subject, [name for name in everywhere if name not in s.images]) for s in scans]
    return [
        Problem(
            table,
            f"subject {name!r} has no image of contrast {', '.join(gap)}",
            "add it, or drop the subject",
        )
        for name, gap in gaps
        if gap
    ]
