"""Where voxels lie: a grid maps array indices (i, j, k) to LPS millimetres, ITK's physical space."""

from dataclasses import dataclass
from typing import Any

import numpy as np

LPS_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # NIfTI headers are RAS; the same matrix converts either way

NO_GRID = "its header has no grid (origin 0, spacing 1): copy the fixed image's"
NOT_RAS = "its header is turned from RAS to LPS: NIfTI's affine is in RAS, only the displacements are in LPS"


@dataclass(frozen=True, eq=False)
class Grid:
    """A voxel grid in physical space; the affine may be oblique, flipped or sheared, but not singular."""

    shape: tuple[int, int, int]  # D, H, W = nibabel's array order (i, j, k)
    affine: np.ndarray  # (4, 4) float64, index (i, j, k) -> LPS mm

    def __post_init__(self) -> None:
        """Raises ValueError for a shape that is not three positive sizes or an affine that cannot be inverted."""
        shape = tuple(int(n) for n in self.shape)
        affine = np.array(self.affine, dtype=np.float64)
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"a grid has three sizes of at least 1, found {shape}")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError(f"a grid's affine is a finite 4x4 matrix, found {affine.tolist()}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ValueError(f"a grid's affine must be invertible, found {affine.tolist()}")
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @property
    def spacing(self) -> np.ndarray:
        """(3,) float64 mm between neighbours along each array axis."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def direction(self) -> np.ndarray:
        """(3, 3) float64; column a is the LPS unit vector of array axis a (orthogonal unless sheared)."""
        return self.affine[:3, :3] / self.spacing

    @property
    def origin(self) -> np.ndarray:
        """(3,) float64 LPS mm of index (0, 0, 0)."""
        return self.affine[:3, 3]

    @property
    def sheared(self) -> bool:
        """Whether the axes are not at right angles, which ITK images cannot express."""
        return not np.allclose(self.direction.T @ self.direction, np.eye(3), atol=1e-4)

    def points(self) -> np.ndarray:
        """(3, D, H, W) float64 LPS mm of every voxel's centre."""
        i, j, k = (np.arange(n, dtype=np.float64) for n in self.shape)
        linear = self.affine[:3, :3]
        out = np.empty((3, *self.shape))
        for row in range(3):
            plane = linear[row, 0] * i[:, None] + linear[row, 1] * j + self.affine[row, 3]
            np.add(plane[:, :, None], linear[row, 2] * k, out=out[row])
        return out

    def to_points(self, index: np.ndarray) -> np.ndarray:
        """Index coordinates (3, ...) to LPS mm (3, ...)."""
        return apply_affine(self.affine, index)

    def to_index(self, points: np.ndarray) -> np.ndarray:
        """LPS mm (3, ...) to continuous index coordinates (3, ...)."""
        return apply_affine(np.linalg.inv(self.affine), points)

    def same_as(self, other: "Grid", tol: float = 1e-3) -> bool:
        """Whether both have one shape and no voxel lies more than `tol` mm from its namesake."""
        return self.shape == other.shape and self.apart(other) <= tol

    def apart(self, other: "Grid") -> float:
        """The greatest distance in mm between corner voxels of this grid and those of the same indices in another."""
        corners = np.indices((2, 2, 2)).reshape(3, -1) * (np.array(self.shape)[:, None] - 1)
        gap = self.to_points(corners) - other.to_points(corners)
        return float(np.linalg.norm(gap, axis=0).max())

    def differences(self, other: "Grid", tol: float = 1e-3) -> str:
        """In words, what this grid has that is not as in `other`: shape, spacing, direction, origin (LPS, mm); and the usual
        reason, where it is one. Empty where `same_as` holds."""
        if self.same_as(other, tol):
            return ""
        if self.shape == other.shape and any(np.allclose(self.affine, none) for none in (np.eye(4), LPS_RAS)):
            return NO_GRID
        turned = Grid(self.shape, LPS_RAS @ self.affine)
        if turned.same_as(other, tol):
            return NOT_RAS
        parts = [("shape", self.shape, other.shape)] if self.shape != other.shape else []
        parts += [
            (name, _numbers(getattr(self, name)), _numbers(getattr(other, name)))
            for name in ("spacing", "direction", "origin")
            if not np.allclose(getattr(self, name), getattr(other, name), rtol=0, atol=tol)
        ]
        told = [f"{name} {found} instead of {expected}" for name, found, expected in parts]
        return ", ".join(told) or f"voxels up to {self.apart(other):.2g} mm apart"


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.4g}" for value in values.ravel() + 0.0)


def itk_grid(shape: Any, origin: Any, spacing: Any, direction: Any) -> Grid:
    """A grid of ITK's parts: sizes (3,), origin (3,) and spacing (3,) in mm, direction (3, 3) or its 9 numbers by row."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(direction, (3, 3)) * np.asarray(spacing)
    affine[:3, 3] = origin
    return Grid(tuple(shape), affine)  # pyright: ignore[reportArgumentType]


def centred_grid(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], centre: np.ndarray
) -> Grid:
    """A grid along the LPS axes whose middle is `centre` ((3,) LPS mm); spacing in mm."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = np.asarray(centre) - np.asarray(spacing) * (np.asarray(shape) - 1) / 2
    return Grid(shape, affine)


def apply_affine(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A 4x4 matrix applied to points (3, ...); returns (3, ...) float64."""
    points = np.asarray(points, dtype=np.float64)
    moved = matrix[:3, :3] @ points.reshape(3, -1)
    moved += np.asarray(matrix)[:3, 3:4]
    return moved.reshape(points.shape)
