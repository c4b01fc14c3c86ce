"""NIfTI headers: affines that mean nothing, or that two programs would read in two ways."""

from pathlib import Path
from typing import Any

import numpy as np
from nibabel.openers import ImageOpener

from regbench.geometry.grid import Grid
from regbench.geometry.images import load_nifti
from regbench.problems import Problem

MOVED_MM = 1.0  # further apart than this, two affines that claim one space are an error
SAME_MM = 0.05
USUAL_MM, POSSIBLE_MM = (0.2, 8.0), (0.01, 50.0)  # of a voxel of a head scan
CODES = {0: "unknown", 1: "scanner", 2: "aligned", 3: "Talairach", 4: "MNI", 5: "template"}
REPAIR = "write the true size and orientation into the header (nibabel, fslorient), or convert the scan again"


def header_problems(path: Path) -> list[Problem]:
    """What is wrong with the header of a file that nibabel opens; ValueError where it does not open."""
    image, raw = load_nifti(path), _raw(path)
    where, zooms = str(path), np.abs(np.asarray(raw["pixdim"][1:4], float))
    if not np.isfinite(zooms).all() or (zooms == 0).any():
        what = f"voxel size {_mm(zooms)} in the header, expected three sizes above zero"
        return [Problem(where, what, REPAIR)]
    affine = np.asarray(image.affine, float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        what = f"the affine {np.round(affine[:3], 4).tolist()} is singular, expected one that can be inverted"
        return [Problem(where, what, REPAIR)]
    a, b, c = (*image.shape, 1, 1, 1)[:3]
    shape = (int(a), int(b), int(c))
    return [*_sizes(where, affine, raw), *_codes(where, raw, shape), *_shear(where, affine, shape)]


def _raw(path: Path) -> Any:
    """The header as it is on disk: nib.load repairs some of it in silence."""
    kind: Any = type(load_nifti(path).header)
    name = path.with_suffix(".hdr") if path.suffix == ".img" else path
    with ImageOpener(str(name)) as file:
        return kind.from_fileobj(file, check=False)


def _sizes(where: str, affine: np.ndarray, raw: Any) -> list[Problem]:
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    problems = []
    unit = int(raw["xyzt_units"]) & 7
    if unit in (1, 3):  # nibabel, ITK and regbench all take the numbers for mm
        name = {1: "metres", 3: "micrometres"}[unit]
        problems.append(
            Problem(where, f"the header's unit is {name}, expected mm", "convert sizes to mm", "warning")
        )
    found = f"voxel size {_mm(spacing)}"
    if not _within(spacing, POSSIBLE_MM):
        problems.append(
            Problem(where, f"{found}, expected {_range(POSSIBLE_MM)}", f"are its units mm? {REPAIR}")
        )
    elif not _within(spacing, USUAL_MM):
        problems.append(Problem(where, f"{found}, usual is {_range(USUAL_MM)}", "is it meant so?", "warning"))
    return problems


def _codes(where: str, raw: Any, shape: tuple[int, int, int]) -> list[Problem]:
    """qform against sform, which regbench reads."""
    qcode, scode = int(raw["qform_code"]), int(raw["sform_code"])
    if not qcode and not scode:
        what = "neither qform nor sform is set: which side is left is a guess (right to left is assumed)"
        return [Problem(where, what, "convert the scan again, with its orientation", "warning")]
    if not qcode or not scode:
        return []
    try:
        qform, sform = raw.get_qform(), raw.get_sform()
        apart = Grid(shape, qform).apart(Grid(shape, sform))
    except (ValueError, np.linalg.LinAlgError):
        return [
            Problem(where, "its qform cannot be read; regbench uses the sform", "remove the qform", "warning")
        ]
    if apart <= SAME_MM:
        return []
    what = f"qform ({CODES.get(qcode, qcode)}) and sform ({CODES.get(scode, scode)}) are up to {apart:.3g} mm apart"
    todo = "regbench uses the sform, other programs may not: set both to the right one"
    if apart > MOVED_MM and qcode == scode:
        return [Problem(where, f"{what}, expected less than {MOVED_MM:g} mm in one space", todo)]
    return [Problem(where, what, todo, "warning")]


def _shear(where: str, affine: np.ndarray, shape: tuple[int, int, int]) -> list[Problem]:
    if not Grid(shape, affine).sheared:
        return []
    what = "the axes of the affine are not at right angles (sheared): ITK programs cannot express that"
    return [Problem(where, what, "right where it was meant so; else " + REPAIR, "warning")]


def _within(sizes: np.ndarray, limits: tuple[float, float]) -> bool:
    return bool(limits[0] <= sizes.min() and sizes.max() <= limits[1])


def _range(limits: tuple[float, float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g} mm"


def _mm(sizes: np.ndarray) -> str:
    return " x ".join(f"{size:.4g}" for size in sizes) + " mm"
