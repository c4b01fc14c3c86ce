"""neurite-OASIS, openly downloadable: OASIS-1's T1w scans of 414 people with 35 labels, as its archive lays them out.

    type: neurite_oasis
    path: neurite-oasis                      # the folder that the archive was unpacked into
    subjects: {train: 32, val: 4, test: 8}   # people, a seeded draw from all 414

    OASIS_OAS1_0001_MR1/  norm.nii.gz, seg35.nii.gz, seg4.nii.gz          scanner's space, 256 x 256 x 256 voxels
                          aligned_norm.nii.gz, aligned_seg35.nii.gz, …    Talairach space, 160 x 192 x 224 voxels
    subjects.txt, seg35_labels.txt, seg4_labels.txt

`norm` is skull-stripped and bias-corrected by FreeSurfer, in [0, 1]; labels are automatic (FreeSurfer, SAMSEG), and
those of `aligned_…` were resampled once before. Layout, numbers, the archive's address and terms (cite Hoopes 2021 and
Marcus 2007, and refer to the OASIS Data Use Agreement): https://github.com/adalca/medical-datasets, neurite-oasis.md. It
gives no checksum.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from regbench.data._draw import Counts, contents, drawn, refusal
from regbench.data._options import Options
from regbench.data._scans import Scans, ScansDataset
from regbench.data.base import Subject
from regbench.problems import Problem, Problems

SCAN = re.compile(r"(OAS1_\d{4})_MR\d")  # a person and one of their scans; its folder has OASIS_ before it
LIST = "subjects.txt"
HOW = (
    "download https://surfer.nmr.mgh.harvard.edu/ftp/data/neurite/data/neurite-oasis.v1.0.tar (6.6 GB, under the terms of "
    "https://github.com/adalca/medical-datasets/blob/master/neurite-oasis.md), unpack it and let `path` name its folder"
)


class NeuriteOasisOptions(Options):
    """Where the unpacked archive is, which of its files are used, and how many people."""

    path: Path  # relative to the working directory
    space: Literal["native", "aligned"] = (
        "native"  # labels of the scanner's space are resampled by the score alone
    )
    labels: Literal[35, 4] = 35  # structures, or tissues
    subjects: Counts = Counts(
        train=32, val=4, test=8
    )  # as many as the paper has of LPBA40, and four to validate
    seed: int = 0  # of the draw

    @property
    def files(self) -> tuple[str, str]:
        """Names of a subject's image and labels."""
        before = "aligned_" if self.space == "aligned" else ""
        return f"{before}norm.nii.gz", f"{before}seg{self.labels}.nii.gz"


class Adapter(ScansDataset):
    """The unpacked archive as a dataset. Nothing is copied; making a subject reads and checks its files."""

    options_model = NeuriteOasisOptions
    options: NeuriteOasisOptions

    def subjects(self) -> list[Subject]:
        """Those drawn, by name; Problems where the archive or one of their files is not there."""
        missing = [path for scans in self._scans for path in scans.sources if not path.is_file()]
        if missing:
            problems = (Problem(str(path), "no such file", HOW) for path in missing)
            raise Problems(problems, f"{self.options.path}: not usable as a dataset")
        return super().subjects()

    def contrasts(self) -> list[str]:
        return ["T1w"]

    @property
    def has_labels(self) -> bool:
        return True

    @cached_property
    def _scans(self) -> list[Scans]:
        options = self.options
        people = {match[0]: match[1] for match in SCAN.finditer(self._listed())}
        split = drawn(people.values(), options.subjects, options.seed, options.path)
        chosen = [name for name in sorted(people) if people[name] in split]
        return [self._of(name, people[name], split[people[name]]) for name in chosen]

    def _of(self, name: str, person: str, split: str) -> Scans:
        folder = self.options.path / f"OASIS_{name}"
        image, labels = self.options.files
        return Scans(name, split, person, {"T1w": folder / image}, folder / labels)

    def _listed(self) -> str:
        """Names of all scans: those that the archive lists, unpacked or not, so that everyone draws the same people."""
        root = self.options.path
        if not root.is_dir():
            raise refusal(root, "no such folder, expected one with OASIS_OAS1_0001_MR1, …", HOW)
        folders = sorted(path.name for path in root.glob("OASIS_OAS1_*_MR?"))
        if not folders:
            raise refusal(root, f"no folder OASIS_OAS1_0001_MR1, … in it, found {contents(root)}", HOW)
        image, _ = self.options.files
        if not any((root / name / image).is_file() for name in folders):
            what = f"no {image} in any of its {len(folders)} subjects' folders, found {contents(root / folders[0])}"
            raise refusal(root, what, f"the archive of 2D slices will not do, {HOW}")
        listed = root / LIST
        return listed.read_text(encoding="utf8") if listed.is_file() else " ".join(folders)
