"""A small pair on disk: native scans on oblique grids, prepared images, a field and the records about them."""

from pathlib import Path

import numpy as np
from scipy import ndimage

from regbench.geometry.fields import displace, write_field
from regbench.geometry.grid import Grid, apply_affine
from regbench.geometry.images import write_volume
from regbench.geometry.landmarks import Landmarks, write_landmarks
from regbench.geometry.sampling import sample

GRID = Grid((24, 22, 20), np.array([[2.0, 0, 0, -24], [0, 2.0, 0, -20], [0, 0, 2.0, -18], [0, 0, 0, 1]]))
LOW, HIGH = 10.0, 900.0


def native_grid() -> Grid:
    """Oblique, flipped, anisotropic, and larger than GRID."""
    a, b = 0.3, -0.2
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-1.3, 1.1, 1.7])
    shape = (60, 64, 44)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


def to_original(seed: int) -> np.ndarray:
    """An affine near identity: prepared space to original space, LPS mm."""
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] += 0.05 * rng.standard_normal((3, 3))
    matrix[:3, 3] = rng.uniform(-3, 3, 3)
    return matrix


def write_side(folder: Path, subject: str, seed: int, masked: bool = True) -> dict:
    """A native scan with labels, prepared onto GRID with its own affine; returns the SIDE record."""
    rng, shared = np.random.default_rng(seed), np.random.default_rng(0)
    grid, affine = native_grid(), to_original(seed)
    radius = np.linalg.norm(grid.points() / np.array([21, 19, 17])[:, None, None, None], axis=0)
    noise = [ndimage.gaussian_filter(shared.standard_normal(grid.shape), 5) for _ in range(4)]
    labels = np.where(radius < 1, 1 + np.argmax(noise, axis=0), 0).astype(np.int16)
    image = (200 * labels + 20 * rng.random(grid.shape)).astype(np.float32)
    index = apply_affine(np.linalg.inv(grid.affine) @ affine, GRID.points())
    native_mask = (labels > 0).astype(np.uint8)
    mask = sample(native_mask, index, 0)
    prepared = np.clip((sample(image, index, 1) - LOW) / (HIGH - LOW), 0, 1)
    prepared = np.where(mask, prepared, 0) if masked else prepared
    paths = {
        name: folder / f"{subject}_{name}.nii.gz"
        for name in ("image", "mask", "original", "original_mask", "labels")
    }
    write_volume(paths["image"], prepared.astype(np.float32), GRID)
    write_volume(paths["mask"], mask, GRID)
    write_volume(paths["original_mask"], native_mask, grid)
    write_volume(paths["original"], image, grid)
    write_volume(paths["labels"], labels, grid)
    return {
        "subject": subject,
        "contrast": "T1w",
        **{name: str(path) for name, path in paths.items()},
        "mask": str(paths["mask"]) if masked else None,
        "landmarks": None,
        "to_original": affine.tolist(),
        "normalisation": {"low": LOW, "high": HIGH},
    }


def smooth_field(seed: int, amplitude: float) -> np.ndarray:
    """(3, D, H, W) float32 mm on GRID."""
    rng = np.random.default_rng(seed)
    u = np.stack([ndimage.gaussian_filter(rng.standard_normal(GRID.shape), 3) for _ in range(3)])
    return (amplitude * u / np.abs(u).max()).astype(np.float32)


def write_pair(folder: Path, masked: bool = True, truth: bool = True) -> dict:
    """A PAIR record of two subjects."""
    sides = {
        role: write_side(folder, name, seed, masked)
        for role, name, seed in (("fixed", "a", 1), ("moving", "b", 2))
    }
    record = {"pair": "a__b", "status": "ok", "message": "", **sides, "truth": None}
    known = smooth_field(7, 4.0)
    _mark(sides, known, folder)
    if truth:
        record["truth"] = str(folder / "truth.nii.gz")
        write_field(record["truth"], known, GRID)
    return record


def _mark(sides: dict, known: np.ndarray, folder: Path) -> None:
    """Twelve landmarks on the same anatomy of both sides under the displacement `known`, listed in two orders."""
    index = 2 + np.random.default_rng(3).uniform(size=(3, 12)) * (np.array(GRID.shape)[:, None] - 5)
    points = GRID.to_points(index)
    names = [f"mark {number}" for number in range(12)]
    sides["fixed"]["landmarks"] = str(folder / "a_landmarks.csv")
    fixed = apply_affine(np.array(sides["fixed"]["to_original"]), points)
    write_landmarks(sides["fixed"]["landmarks"], Landmarks(fixed, names))
    sides["moving"]["landmarks"] = str(folder / "b_landmarks.fcsv")
    moving = apply_affine(np.array(sides["moving"]["to_original"]), displace(points, known, GRID))
    write_landmarks(sides["moving"]["landmarks"], Landmarks(moving[:, ::-1], names[::-1]))


def write_run(folder: Path, u: np.ndarray | None, status: str = "ok") -> dict:
    """A run record of the pair a__b, with its field where there is one."""
    path = None
    if u is not None:
        path = str(folder / "a__b.nii.gz")
        write_field(path, u, GRID)
    names = {
        "pair": "a__b",
        "task": "mono",
        "fixed": "a",
        "moving": "b",
        "method": "syn",
        "variant": "default",
    }
    return {**names, "repetition": 0, "status": status, "message": "", "field": path}
