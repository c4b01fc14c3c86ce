"""IXI (Imperial College London): T1w and T2w heads of nearly 600 healthy people, at three hospitals of London.

    type: ixi
    path: data/ixi     # IXI-T1.tar and IXI-T2.tar, or folders with what is in them (IXI-T1/ and IXI-T2/, say)

Images are called IXI002-Guys-0828-T1.nii.gz: number, site (Guys: Philips 1.5 T, HH: Philips 3 T, IOP: GE 1.5 T), scan and
contrast. Archives: https://brain-development.org/ixi-dataset/, CC BY-SA 3.0; `snakemake --cores 1 download_ixi` fetches
them. Names, 581 T1 and 578 T2 images and 577 people with both: TorchIO-project/torchio (datasets/ixi.py); public code
that compares the two lists finds the same five people with one of them alone. Heads have their skull, and there are no
labels.

Of the people with both images, `subjects` are used: a draw that `seed` and names alone decide, since the paper does not
say which 483 it took. It divides them 4:1, so the first fifth of the draw is for test, then come `val` people for
validation, and the others train; `val: 0` trains on the whole four fifths. Who is used, and why somebody is not, stands in
subjects.csv beside the data's records.

`exclude` leaves out people whose images are of no use: by default those of KNOWN_BAD. (Others also left out IXI533, IXI593
and IXI630, without a reason.) An image that cannot be read costs its person alone: the data's record says why.
"""

import csv
import io
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from regbench.data._draw import seeded_order
from regbench.data._ixi_files import ARCHIVES, CONTRASTS, Found, find, unpack, unpacked
from regbench.data._options import Options
from regbench.data._scans import Scans, checked_files
from regbench.data.base import Dataset, ScanFile, Subject, check_subjects
from regbench.problems import Problem, Problems
from regbench.records import write_text

KNOWN_BAD = {"IXI014-HH-1236": "its T2w image has 28 slices, 5 mm apart"}
HOW = (
    "`snakemake --cores 1 download_ixi` fetches IXI-T1.tar and IXI-T2.tar into data/ixi; or copy them, or what is in them, "
    "from https://brain-development.org/ixi-dataset/ and let `path` name their folder"
)


class IxiOptions(Options):
    """Where the images are, how many people are used, and how they are divided."""

    path: Path  # relative to the working directory
    subjects: Annotated[int, Field(ge=2)] = 483  # where there are fewer, all of them
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2  # their share
    val: Annotated[int, Field(ge=0)] = 20  # people, of those who are not for test
    seed: int = 0
    exclude: tuple[str, ...] = tuple(KNOWN_BAD)


class Adapter(Dataset):
    """The archives or folders as a dataset. Images of an archive are unpacked into folder/PERSON/ when they are needed."""

    options_model = IxiOptions
    options: IxiOptions

    def subjects(self) -> list[Subject]:
        """Those who are used, by name; Problems where nobody has both images, or too few are left to train on."""
        where, splits = str(self.options.path), self._splits
        if not splits:
            raise Problems([Problem(where, self._instead(), HOW)], f"{where}: not usable as IXI")
        if "train" not in splits.values():
            what = f"{len(splits)} people, of whom `val: {self.options.val}` leaves none to train on"
            raise Problems(
                [Problem(where, what, "lower `val`, or add people")], f"{where}: not usable as IXI"
            )
        return check_subjects(
            (Subject(name, split, name, self._sources(name)) for name, split in sorted(splits.items())), where
        )

    def files(self) -> list[ScanFile]:
        """Those that are no longer in an archive: what is, is checked by its person's job."""
        return [file for name in sorted(self._splits) for file in self._scans(name).files()]

    def warnings(self) -> list[Problem]:
        where, options = str(self.options.path), self.options
        told = [f"{name} is left out: {why}" for name, why in self._left_out.items()]
        packed = [
            name for name in self._splits if not all(f.path.is_file() for f in self._scans(name).files())
        ]
        twice = [
            f"{people[name][0]} is used, and not {people[name][1]}"
            for people in self._found.values() for name in self._splits if len(people[name]) > 1
        ]  # fmt: skip
        problems = [Problem(where, what, "", "warning") for what in [*told, *twice]]
        if len(self._splits) < options.subjects:
            what = (
                f"{len(self._splits)} people have both images, `subjects` is {options.subjects}: all are used"
            )
            problems.append(Problem(where, what, "add the others' images, or lower it", "warning"))
        if packed:
            what = f"{len(packed)} people's images are in archives: their jobs unpack them, and check them only then"
            problems.append(Problem(where, what, "unpack the archives to have them checked now", "warning"))
        return problems

    def contrasts(self) -> list[str]:
        return list(CONTRASTS)

    @property
    def has_labels(self) -> bool:
        return False

    def _files(self, subject: Subject) -> dict[str, Any]:
        write_text(self.folder / "subjects.csv", self._table())
        for contrast in CONTRASTS:
            unpack(self._found[contrast][subject.name][0], self.folder / subject.name)
        return checked_files(self._scans(subject.name))

    def _scans(self, name: str) -> Scans:
        sources = {contrast: self._found[contrast][name][0] for contrast in CONTRASTS}
        images = {contrast: unpacked(source, self.folder / name) for contrast, source in sources.items()}
        return Scans(name, self._splits[name], name, images)

    def _sources(self, name: str) -> list[Path]:
        return [self._found[contrast][name][0].path for contrast in CONTRASTS]

    @cached_property
    def _found(self) -> Found:
        return find(self.options.path)

    @cached_property
    def _left_out(self) -> dict[str, str]:
        """Why somebody of whom there is an image cannot be used, or is not to be."""
        people = sorted({name for images in self._found.values() for name in images})
        lacking = {name: [c for c in CONTRASTS if name not in self._found[c]] for name in people}
        reasons = {name: f"no {CONTRASTS[gap[0]]} image" for name, gap in lacking.items() if gap}
        bad = {
            name: KNOWN_BAD.get(name, "named in `exclude`") for name in people if name in self.options.exclude
        }
        return {**bad, **reasons}

    @cached_property
    def _splits(self) -> dict[str, str]:
        """Split of everybody who is used, in the order of the draw."""
        options, people = (
            self.options,
            set.intersection(*map(set, self._found.values())) - set(self._left_out),
        )
        drawn = seeded_order(people, options.seed)[: options.subjects]
        tested = round(options.test * len(drawn))
        sides = ["test"] * tested + ["val"] * options.val
        return {name: sides[at] if at < len(sides) else "train" for at, name in enumerate(drawn)}

    def _instead(self) -> str:
        """What is there instead of images of both contrasts."""
        path = self.options.path
        if not path.is_dir():
            return "no such folder (seen from the working directory), expected IXI's T1 and T2 images or archives"
        counts = [f"{CONTRASTS[c]} images of {len(people)} people" for c, people in self._found.items()]
        halves = [name for a in ARCHIVES.values() if (path / (name := f"{a}.part")).is_file()]
        half = f"; {' and '.join(halves)} was not downloaded to its end" if halves else ""
        there = ", ".join(sorted(file.name for file in path.iterdir())[:5]) or "an empty folder"
        return f"nobody with a T1 and a T2 image: {' and '.join(counts)}, found {there}{half}"

    def _table(self) -> str:
        """Everybody of whom there is an image: split, or why not used, and where the images are."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["subject", "split", "left_out", *CONTRASTS])
        for name in sorted({name for people in self._found.values() for name in people}):
            split = self._splits.get(name, "")
            why = "" if split else self._left_out.get(name, "not drawn")
            places = [people[name][0] if name in people else "" for people in self._found.values()]
            lines.writerow([name, split, why, *places])
        return text.getvalue()
