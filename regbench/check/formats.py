"""Files that are no readable NIfTI at all: what they are instead, and which tool makes NIfTI of them."""

import os
from pathlib import Path

from regbench.problems import Problem

DICOM = "convert the series with dcm2niix and name the file it writes"
CONVERTERS = {
    ".mgz": "convert it with mri_convert (FreeSurfer)",
    ".mgh": "convert it with mri_convert (FreeSurfer)",
    ".nrrd": "convert it with SimpleITK (ReadImage, WriteImage)",
    ".mha": "convert it with SimpleITK (ReadImage, WriteImage)",
    ".mhd": "convert it with SimpleITK (ReadImage, WriteImage)",
    ".mnc": "convert it with mnc2nii",
    ".dcm": DICOM,
    ".ima": DICOM,
}
GZIP = b"\x1f\x8b"


def format_problems(path: Path) -> list[Problem]:
    """What keeps a file from being read as NIfTI, as far as its name, rights and first bytes tell."""
    where = str(path)
    if not os.access(path, os.R_OK):
        return [Problem(where, "it may not be read by this user", f"chmod a+r {path}")]
    with path.open("rb") as file:
        head = file.read(132)
    if not head:
        return [Problem(where, "the file is empty (0 bytes), expected NIfTI", "copy or export it again")]
    if head[128:] == b"DICM":
        return [Problem(where, "a DICOM file, expected NIfTI (.nii or .nii.gz)", DICOM)]
    if not path.name.endswith((".nii", ".nii.gz", ".hdr", ".img", ".img.gz")):
        todo = CONVERTERS.get(path.suffix.lower(), "convert it, or correct the name")
        found = path.suffix or "a name without an ending"
        return [Problem(where, f"expected NIfTI (.nii or .nii.gz), found {found}", todo)]
    if (head[:2] == GZIP) != path.name.endswith(".gz"):
        what = (
            "gzipped, but its name does not end in .gz" if head[:2] == GZIP else "not gzipped, but named .gz"
        )
        return [Problem(where, what, "rename it: .gz at its end where gzipped, else not")]
    return []
