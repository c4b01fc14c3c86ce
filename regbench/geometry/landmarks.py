"""Landmarks: points that mark the same anatomy in two images, (3, N) LPS mm in memory whatever their file holds.

A file says which coordinates it holds, and one that does not is refused: nothing later could tell LPS from RAS.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regbench.geometry.grid import LPS_RAS, Grid, apply_affine
from regbench.geometry.landmark_files import Points, kind_of, points_text, read_points
from regbench.records import write_text


@dataclass(frozen=True, eq=False)
class Landmarks:
    """`points` (3, N) float64 LPS mm; `names`, one a point or none; `path` where they came from."""

    points: np.ndarray
    names: list[str] | None = None
    path: Path | None = None

    def name(self, number: int) -> str:
        """What a message calls the point of that number (from 0)."""
        return self.names[number] if self.names else f"number {number + 1}"


def read_landmarks(path: Path | str, grid: Grid | None = None) -> Landmarks:
    """Read landmarks from .csv, .fcsv or .mrk.json. `grid`: of the image they lie in, for those in voxels.

    A CSV has columns x, y, z and perhaps name, and a line `# coordinates: LPS` (or RAS, or voxel: indices of the image's
    array, from 0) or a column `coordinates` that says so; other columns are left alone.

    Raises FileNotFoundError, or ValueError that names the file and the line: not readable, no coordinate system stated, no
    point, some points named and others not, a name twice, voxels without a grid.
    """
    path = Path(path)
    read = read_points(path)
    if not read.values:
        raise ValueError(f"{path}: there is no landmark in it")
    if any(read.names) and not all(read.names):
        raise ValueError(f"{path}: landmark number {read.names.index('') + 1} has no name, others have one")
    if twice := sorted({name for name in read.names if name and read.names.count(name) > 1}):
        raise ValueError(f"{path}: the name {', '.join(twice)} is there twice")
    return Landmarks(_to_lps(read, grid, path), read.names if any(read.names) else None, path)


def write_landmarks(path: Path | str, landmarks: Landmarks) -> None:
    """Write landmarks to .csv, .fcsv or .mrk.json in LPS mm, atomically; points without a name are numbered."""
    path = Path(path)
    names = landmarks.names or [str(number + 1) for number in range(landmarks.points.shape[1])]
    write_text(path, points_text(kind_of(path), names, landmarks.points.T.tolist()))


def check_inside(landmarks: Landmarks, grid: Grid, problem: str) -> None:
    """ValueError that says `problem` and names the landmarks outside `grid`, which ends half a voxel beyond its centres."""
    index = grid.to_index(landmarks.points)
    beyond = ((index < -0.5) | (index > np.array(grid.shape)[:, None] - 0.5)).any(axis=0)
    if beyond.any():
        places = [
            f"{landmarks.name(n)} ({', '.join(f'{value:.1f}' for value in landmarks.points[:, n])})"
            for n in np.flatnonzero(beyond)
        ]
        raise ValueError(f"{landmarks.path}: {problem} (LPS mm): {'; '.join(places)}")


def matched(fixed: Landmarks, moving: Landmarks) -> tuple[Landmarks, Landmarks]:
    """The landmarks that both have, in one order: by name, or one by one where none is named and both are as many.

    Raises ValueError that names both files when they cannot be matched.
    """
    if fixed.names and moving.names:
        if shared := [name for name in fixed.names if name in moving.names]:
            return _chosen(fixed, shared), _chosen(moving, shared)
    elif not fixed.names and not moving.names and fixed.points.shape == moving.points.shape:
        return fixed, moving
    raise ValueError(
        f"{fixed.path} and {moving.path}: landmarks do not match ({_described(fixed)}; {_described(moving)}); give the same "
        "landmarks the same names, or leave out all names and keep one order"
    )


def _to_lps(read: Points, grid: Grid | None, path: Path) -> np.ndarray:
    points = np.array(read.values).T
    if read.system != "voxel":
        return points if read.system == "LPS" else apply_affine(LPS_RAS, points)
    if grid is None:
        raise ValueError(
            f"{path}: landmarks in voxels need the image they lie in; give them in LPS or RAS mm"
        )
    return grid.to_points(points)


def _chosen(landmarks: Landmarks, names: list[str]) -> Landmarks:
    places = [(landmarks.names or []).index(name) for name in names]
    return Landmarks(landmarks.points[:, places], names, landmarks.path)


def _described(landmarks: Landmarks) -> str:
    count = landmarks.points.shape[1]
    return (
        f"{count} named {', '.join(landmarks.names[:3])}, …" if landmarks.names else f"{count} without names"
    )
