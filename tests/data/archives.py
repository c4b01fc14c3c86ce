"""Folders laid out as datasets are distributed: the real names, with small volumes in them."""

from pathlib import Path

import nibabel as nib
import numpy as np


def volume(path: Path, data: np.ndarray | None = None, affine: np.ndarray | None = None) -> Path:
    """A small NIfTI of `data` (ones where there is none) with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.ones((4, 5, 6), np.int16) if data is None else data
    nib.save(nib.Nifti1Image(data, np.eye(4) if affine is None else affine), path)
    return path


def neurite_oasis(root: Path, numbers, image=None, labels=None, space=("", "aligned_")) -> Path:
    """neurite-oasis.v1.0.tar unpacked; `image` and `labels` make arrays of a subject's number."""
    root.mkdir(parents=True, exist_ok=True)
    names = [f"OASIS_OAS1_{number:04d}_MR1" for number in numbers]
    for number, name in zip(numbers, names, strict=True):
        for before in space:
            for kind in ("orig", "norm"):
                volume(root / name / f"{before}{kind}.nii.gz", image and image(number))
            for kind in ("seg4", "seg35"):
                volume(root / name / f"{before}{kind}.nii.gz", labels and labels(number))
        for kind in ("norm", "orig", "seg24"):
            volume(root / name / f"slice_{kind}.nii.gz", np.ones((4, 5), np.float32))
    (root / "subjects.txt").write_text("".join(f"{name}\n" for name in names))
    for kind in (4, 24, 35):
        (root / f"seg{kind}_labels.txt").write_text("  0  Unknown  0 0 0 0\n")
    return root


def oasis3_session(root: Path, person: str, day: str, scans: dict[str, str], layout: str, **data) -> None:
    """One session of OASIS-3. scans: folder (`anat2`) by what the name ends with (`run-01_T1w`).

    layout: "script" or "NIFTI" (download_oasis_scans.sh, newer and older), "zip" (the archive's own) or "bids".
    data: arrays by contrast.
    """
    for ending, folder in scans.items():
        contrast = ending.rpartition("_")[2]
        name = f"sub-{person}_ses-{day}_{ending}"
        session = root / f"{person}_MR_{day}"
        image, sidecar = {
            "script": (session / folder, session / folder),
            "NIFTI": (session / folder / "NIFTI", session / folder / "BIDS"),
            "zip": (
                session / "scans" / f"{folder}-{contrast}" / "resources" / "NIFTI" / "files",
                session / "scans" / f"{folder}-{contrast}" / "resources" / "BIDS" / "files",
            ),
            "bids": (root / f"sub-{person}" / f"ses-{day}" / "anat",) * 2,
        }[layout]
        volume(image / f"{name}.nii.gz", data.get(contrast))
        sidecar.mkdir(parents=True, exist_ok=True)
        (sidecar / f"{name}.json").write_text("{}")
