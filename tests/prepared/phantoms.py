"""Small heads that are cheap to prepare: lopsided, textured, in any orientation."""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from regbench.geometry.grid import Grid
from regbench.geometry.images import write_volume
from regbench.study import TaskSettings

TEXTURE = gaussian_filter(np.random.default_rng(5).normal(size=(32, 32, 32)), 2)
TEXTURE = TEXTURE / np.abs(TEXTURE).max()


def head(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intensity (0 outside) and labels (0 to 4) of a lopsided head about the origin, at LPS mm (3, ...)."""
    x, y, z = points
    shell = (x / 32) ** 2 + (y / 42) ** 2 + (z / 28) ** 2 + 0.004 * np.abs(x + 20) * (y > 10)
    inside = shell < 1
    core = ((x - 5) / 15) ** 2 + ((y + 7) / 19) ** 2 + ((z - 4) / 12) ** 2 < 1
    cyst = ((x + 14) / 8) ** 2 + ((y - 15) / 10) ** 2 + ((z + 5) / 8) ** 2 < 1
    place = tuple(np.clip(np.rint(p / 3 + 16), 0, 31).astype(int) for p in points)
    image = (0.5 + 0.35 * core - 0.35 * cyst + 0.1 * TEXTURE[place]) * inside
    labels = (1 + (y > 0) + 2 * (z > 0)) * inside
    return (1000 * image).astype(np.float32), labels.astype(np.int32)


def write_head(
    folder, name, transform=None, spacing=(2.5, 2.5, 2.5), flips=(1, 1, 1), angles=(0, 0, 0), offset=(0, 0, 0)
):
    """Write a head moved by `transform` (4x4, head space -> scan space), as T1w, T2w and labels; a data record."""
    transform = np.eye(4) if transform is None else transform
    shape = tuple(int(120 / s) for s in spacing)
    affine = np.eye(4)
    affine[:3, :3] = (
        Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(flips) @ np.diag(spacing)
    )
    middle = transform[:3, 3] + np.array(offset)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    grid = Grid(shape, affine)
    inverse = np.linalg.inv(transform)
    points = np.tensordot(inverse[:3, :3], grid.points(), 1) + inverse[:3, 3, None, None, None]
    image, labels = head(points)
    second = np.where(image > 0, 1400 - image, 0)
    for kind, data in {"T1w": image, "T2w": second, "labels": labels}.items():
        write_volume(folder / f"{name}_{kind}.nii.gz", data, grid)
    return {
        "subject": name,
        "split": "test",
        "status": "ok",
        "message": "",
        "images": {c: str(folder / f"{name}_{c}.nii.gz") for c in ("T1w", "T2w")},
        "labels": str(folder / f"{name}_labels.nii.gz"),
        "mask": None,
        "to_template": None,
        "from_template": None,
    }


def transform_of(angles=(0, 0, 0), scales=(1, 1, 1), shift=(0, 0, 0)) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(scales)
    matrix[:3, 3] = shift
    return matrix


def task_with(
    mode="pairwise", moving="T1w", shape=(24, 30, 22), spacing=(3, 3, 3), pairing="between", **prepare
) -> TaskSettings:
    return TaskSettings.model_validate(
        {
            "dataset": "heads",
            "table": 1,
            "moving": moving,
            "pairing": pairing,
            "grid": {"spacing": spacing, "shape": shape},
            "prepare": {"affine": {"mode": mode, "starts": 4}, **prepare},
        }
    )
