"""The embedded dataset: a semi-synthetic population made from a real template, with known maps between its subjects.

Not an inverse crime, because what methods assume does not hold exactly: test subjects are warped by a family of warps
that no training or validation subject has; cortex and ventricles change by more than the warp; lesions, texture, bias
field, noise and contrast differ from subject to subject; each scan has a pose, orientation and tilt of its own.
"""

import hashlib
from typing import Annotated, Any, Literal

from pydantic import Field

from regbench.data._options import Options, TemplateFiles
from regbench.data.base import Dataset, Subject, check_subjects
from regbench.records import write_record

Spacing = Annotated[float, Field(ge=0.5, le=6)]
FamilyName = Literal["bspline", "velocity", "radial"]


class Counts(Options):
    """How many subjects on each side of the split."""

    train: Annotated[int, Field(ge=0)] = 6
    val: Annotated[int, Field(ge=0)] = 2
    test: Annotated[int, Field(ge=0)] = 6


class PhantomOptions(Options):
    """What a population is made of; a subject depends on these and its own name, not on how many others there are."""

    template: Literal["mni152"] | TemplateFiles = "mni152"
    subjects: Counts = Counts()
    seed: int = 0
    spacing: tuple[Spacing, Spacing, Spacing] | Spacing = 2.0  # mm, of the scans
    field_spacing: Annotated[float, Field(gt=0, le=6)] = 3.0  # mm, of the stored maps
    amplitude_mm: Annotated[float, Field(gt=0, le=5)] = (
        3.5  # mean length of a warp in the brain, less its affine
    )
    held_out: FamilyName = "radial"  # the family of warps of the test subjects, and of no other
    noise: Annotated[float, Field(ge=0, lt=0.5)] = 0.025  # Rician, in units of the brightest tissue
    bias: Annotated[float, Field(ge=0, lt=1)] = 0.08  # deviation of the log of the gain
    lesions: Annotated[float, Field(ge=0, le=1)] = 0.3  # share of subjects with small lesions

    @property
    def spacing3(self) -> tuple[float, float, float]:
        """mm along the three axes of a scan."""
        same = self.spacing
        return (same, same, same) if isinstance(same, int | float) else same


class Adapter(Dataset):
    """The phantom as a dataset. Files of subject S are made under folder/S/."""

    options_model = PhantomOptions
    options: PhantomOptions
    semi_synthetic = True

    def subjects(self) -> list[Subject]:
        """train01, train02, ..., val01, ..., test01, ..."""
        sources = self._template_files.paths() if self._template_files else []
        missing = [str(path) for path in sources if not path.is_file()]
        if missing:
            raise ValueError(f"phantom: template files that do not exist: {', '.join(missing)}")
        return check_subjects(
            (
                Subject(f"{split}{number:02d}", split, f"{split}{number:02d}", sources)
                for split, count in self.options.subjects
                for number in range(1, count + 1)
            ),
            "phantom",
        )

    @property
    def people(self) -> str:
        """Another seed makes other people of the same names."""
        return f"{super().people}, seed {self.options.seed}"

    def contrasts(self) -> list[str]:
        """T1w and T2w: the template's own where it has them, else made from its tissues."""
        return ["T1w", "T2w"]

    @property
    def has_labels(self) -> bool:
        return True

    def knows_truth(self, pairing: str, fixed: str) -> bool:
        return True

    @property
    def _template_files(self) -> TemplateFiles | None:
        return None if isinstance(self.options.template, str) else self.options.template

    def families(self, subject: Subject) -> list[str]:
        """The families a subject's warp is composed of: the one held out for test, one or both others elsewhere."""
        if subject.split == "test":
            return [self.options.held_out]
        others = [name for name in ("bspline", "velocity", "radial") if name != self.options.held_out]
        return [others[:1], others[1:], others][_seed(self.options.seed, subject.name) % 3]

    def _files(self, subject: Subject) -> dict[str, Any]:
        # Imported here: listing the subjects, which Snakemake does at each start, must not wait for torch and scipy.
        from regbench.data._phantom_files import make_files

        folder = self.folder / subject.name
        files, report = make_files(
            self.options,
            self._template_files,
            self.families(subject),
            _seed(self.options.seed, subject.name),
            folder,
        )
        write_record(folder / "phantom.json", {"families": self.families(subject), **report})
        return files


def _seed(seed: int, name: str) -> int:
    """63 bits that depend on the study's seed and on the subject's name only."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
