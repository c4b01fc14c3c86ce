"""The files of LPBA40 in delineation space: found by their names, one form of them chosen, Analyze converted."""

import os
import re
from dataclasses import replace
from pathlib import Path

from regbench.data._scans import Scans

LABELS = {
    21: "L superior frontal gyrus", 22: "R superior frontal gyrus", 23: "L middle frontal gyrus",
    24: "R middle frontal gyrus", 25: "L inferior frontal gyrus", 26: "R inferior frontal gyrus",
    27: "L precentral gyrus", 28: "R precentral gyrus", 29: "L middle orbitofrontal gyrus",
    30: "R middle orbitofrontal gyrus", 31: "L lateral orbitofrontal gyrus", 32: "R lateral orbitofrontal gyrus",
    33: "L gyrus rectus", 34: "R gyrus rectus", 41: "L postcentral gyrus", 42: "R postcentral gyrus",
    43: "L superior parietal gyrus", 44: "R superior parietal gyrus", 45: "L supramarginal gyrus",
    46: "R supramarginal gyrus", 47: "L angular gyrus", 48: "R angular gyrus", 49: "L precuneus", 50: "R precuneus",
    61: "L superior occipital gyrus", 62: "R superior occipital gyrus", 63: "L middle occipital gyrus",
    64: "R middle occipital gyrus", 65: "L inferior occipital gyrus", 66: "R inferior occipital gyrus", 67: "L cuneus",
    68: "R cuneus", 81: "L superior temporal gyrus", 82: "R superior temporal gyrus", 83: "L middle temporal gyrus",
    84: "R middle temporal gyrus", 85: "L inferior temporal gyrus", 86: "R inferior temporal gyrus",
    87: "L parahippocampal gyrus", 88: "R parahippocampal gyrus", 89: "L lingual gyrus", 90: "R lingual gyrus",
    91: "L fusiform gyrus", 92: "R fusiform gyrus", 101: "L insula", 102: "R insula", 121: "L cingulate gyrus",
    122: "R cingulate gyrus", 161: "L caudate", 162: "R caudate", 163: "L putamen", 164: "R putamen",
    165: "L hippocampus", 166: "R hippocampus", 181: "cerebellum", 182: "brainstem",
}  # fmt: skip
IMAGE, STRUCTURES = "skullstripped", "structure.label"
NAME = re.compile(rf"(S\d\d)\.delineation\.({IMAGE}|{re.escape(STRUCTURES)})(\.img|\.nii)(\.gz)?")
FORMS = (".img", ".nii")  # as distributed first; image and labels of a person are used in one form
Found = dict[tuple[str, str, str], list[Path]]  # by person, kind (IMAGE or STRUCTURES) and form


def find(folder: Path) -> Found:
    """The images and labels of all people in a folder or below it; of a file and its .gz beside it the first."""
    found: Found = {}
    for where, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        matches = [match for name in sorted(names, reverse=True) if (match := NAME.fullmatch(name))]
        for key, name in {
            (m[1], m[2], m[3]): m[0] for m in matches
        }.items():  # the shorter name comes last, and stays
            found.setdefault(key, []).append(Path(where) / name)
    return found


def choose(found: Found, person: str) -> tuple[Path, Path] | str:
    """A person's image and labels, or what is wrong with them, in words."""
    for form in FORMS:
        images, labels = (found.get((person, kind, form), []) for kind in (IMAGE, STRUCTURES))
        if more := next((paths for paths in (images, labels) if len(paths) > 1), None):
            return f"{person} is there twice ({' and '.join(map(str, more))})"
        if images and labels:
            bare = [path.name for path in (*images, *labels) if not all(p.is_file() for p in parts(path))]
            return f"{person} has no .hdr beside {' and '.join(bare)}" if bare else (images[0], labels[0])
    missing = [
        kind for kind in (IMAGE, STRUCTURES) if not any((person, kind, form) in found for form in FORMS)
    ]
    names = [f"{person}.delineation.{kind}.img.gz" for kind in missing]
    return (
        f"{person} has no {' and no '.join(names)}"
        if names
        else f"{person} has its image and labels in two formats"
    )


def parts(path: Path) -> list[Path]:
    """The files that an image consists of: the .hdr of an .img, too."""
    stem, img, _ = path.name.partition(".img")
    return [path.with_name(f"{stem}.hdr"), path] if img else [path]


def is_analyze(path: Path) -> bool:
    """Whether a file is Analyze: an .img that is not of a NIfTI pair."""
    from regbench.geometry import analyze  # here: listing subjects must not wait for nibabel

    return ".img" in path.suffixes and analyze.is_analyze(path)


def as_nifti(scans: Scans, folder: Path) -> Scans:
    """The same scans with Analyze files converted into `folder`; raises as `read_analyze` does."""
    images = {contrast: _converted(path, folder, "float32") for contrast, path in scans.images.items()}
    return replace(scans, images=images, labels=scans.labels and _converted(scans.labels, folder, "int16"))


def _converted(path: Path, folder: Path, dtype: str) -> Path:
    if not is_analyze(path):
        return path
    import numpy as np

    from regbench.geometry.analyze import read_analyze
    from regbench.geometry.images import write_volume

    volume = read_analyze(path, np.dtype(dtype).type)
    out = folder / f"{path.name.partition('.img')[0]}.nii.gz"
    write_volume(out, volume.data, volume.grid)
    return out


def check_labels(path: Path) -> None:
    """ValueError names a file with other numbers than LABELS': renumbered, or not of this atlas."""
    import numpy as np

    from regbench.geometry.images import read_volume

    there = {int(value) for value in np.unique(read_volume(path, np.int32).data)}
    if others := sorted(there - {0, *LABELS}):
        raise ValueError(
            f"{path}: labels {', '.join(map(str, others[:5]))} are none of LPBA40's 56, which go from 21 to 182; "
            "use the files of delineation space as distributed, or a dataset of type `manifest`"
        )
