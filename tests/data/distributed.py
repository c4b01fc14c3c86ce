"""LPBA40 and IXI laid out as they are distributed, of small volumes: an ellipsoid head whose parts are labelled."""

import gzip
import io
import tarfile
from pathlib import Path

import nibabel as nib
import numpy as np

from regbench.data._lpba40_files import LABELS
from regbench.data.lpba40 import PEOPLE

SHAPE, SPACING = (
    (18, 14, 16),
    (9.0, 14.0, 10.0),
)  # LPBA40's slices are coronal: its second axis is the coarse one
IXI_PEOPLE = [f"IXI{number:03d}-{site}-{700 + number:04d}" for number, site in
              zip(range(2, 14), ["Guys", "HH", "IOP"] * 4, strict=True)]  # fmt: skip
T1_ALONE, T2_ALONE, BAD = "IXI116-Guys-0739", "IXI580-IOP-1157", "IXI014-HH-1236"


def head(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Image int16 and labels uint8 (D, H, W), of SHAPE; no two seeds are alike."""
    rng = np.random.default_rng(seed)
    x, y, z = (np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
               * rng.uniform(1.3, 1.5, (3, 1, 1, 1)))  # fmt: skip
    inside = x**2 + y**2 + z**2 < 1
    bands = np.digitize(x + 0.3 * y * z + rng.normal(0, 0.05), np.linspace(-0.8, 0.8, 7))
    labels = np.where(inside, np.array([*LABELS])[bands * 7], 0)
    image = np.where(inside, 300 + 90 * bands + 120 * np.cos(3 * z) + rng.normal(0, 5, SHAPE), 0)
    return image.astype(np.int16), labels.astype(np.uint8)


def lay_lpba40(root: Path, people: tuple[str, ...] = PEOPLE, ending: str = ".img.gz") -> Path:
    """LPBA40/delineation_space/S01/… in `root`: Analyze with a fourth axis of one (.img, .img.gz), or .nii.gz."""
    top = root / "LPBA40" / "delineation_space"
    for person in people:
        folder = top / person
        folder.mkdir(parents=True)
        image, labels = head(int(person[1:]))
        for kind, data in (("skullstripped", image), ("structure.label", labels)):
            write(folder / f"{person}.delineation.{kind}", data[..., None], ending)
    (top / "lpba40.label.xml").write_text("<labelset/>")
    return root


def write(stem: Path, data: np.ndarray, ending: str) -> None:
    if ending.startswith(".nii"):
        nib.save(
            nib.Nifti1Image(data, np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.diag([*SPACING, 1.0])),
            f"{stem}{ending}",
        )
        return
    image = nib.AnalyzeImage(data, None)
    image.header.set_data_dtype(data.dtype)
    image.header.set_zooms((*SPACING, 1.0))
    image.to_filename(f"{stem}.img")
    if ending == ".img.gz":  # as distributed, the header beside it stays as it is
        voxels = Path(f"{stem}.img")
        Path(f"{stem}.img.gz").write_bytes(gzip.compress(voxels.read_bytes(), 1, mtime=0))
        voxels.unlink()


def ixi_images() -> dict[str, dict[str, bytes]]:
    """Files by archive (IXI-T1, IXI-T2) and name: twelve whole people, one with each image alone, the one known to be bad."""
    files: dict[str, dict[str, bytes]] = {"IXI-T1": {}, "IXI-T2": {}}
    for number, person in enumerate([*IXI_PEOPLE, T1_ALONE, T2_ALONE, BAD]):
        image, _ = head(100 + number)
        for kind, data, absent in (
            ("T1", image, T2_ALONE),
            ("T2", np.where(image > 0, 1200 - image, 0), T1_ALONE),
        ):
            if person != absent:
                scan = nib.Nifti1Image(data.astype(np.int16), np.diag([*SPACING, 1.0]))
                scan.set_sform(scan.affine, code=1)
                files[f"IXI-{kind}"][f"{person}-{kind}.nii.gz"] = gzip.compress(scan.to_bytes(), 1, mtime=0)
    return files


def lay_ixi(root: Path, archives: bool = True) -> Path:
    """IXI-T1.tar and IXI-T2.tar in `root`, or folders of the same names with what is in them."""
    root.mkdir(parents=True, exist_ok=True)
    for archive, files in ixi_images().items():
        if archives:
            (root / f"{archive}.tar").write_bytes(tar(files))
            continue
        (root / archive).mkdir()
        for name, content in files.items():
            (root / archive / name).write_bytes(content)
    return root


def tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()
