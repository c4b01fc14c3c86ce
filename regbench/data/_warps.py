"""Families of smooth random warps. Which family a subject has is part of the split, so that no method is trained on
the kind of deformation that it is tested on.

A family takes a random generator, a grid along the LPS axes and a strength, and returns displacements (3, D, H, W)
float64 mm on the grid. The same generator state and another strength give the same warp, stronger or weaker.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage
from scipy.interpolate import BSpline

from regbench.geometry.fields import displace
from regbench.geometry.grid import Grid

Family = Callable[[np.random.Generator, Grid, float], np.ndarray]


def bspline(rng: np.random.Generator, grid: Grid, strength: float) -> np.ndarray:
    """Cubic B-splines on three lattices; the wider the knots, the larger the displacement (mm per knot spacing)."""
    return sum(
        _one_lattice(rng, grid, knots, deviation * strength)
        for knots, deviation in ((60, 5.0), (32, 2.6), (18, 1.3))
    )  # pyright: ignore[reportReturnType]


def velocity(rng: np.random.Generator, grid: Grid, strength: float, squarings: int = 5) -> np.ndarray:
    """A stationary velocity field of two smoothnesses, exponentiated by scaling and squaring (Arsigny 2006)."""
    v = np.zeros((3, *grid.shape))
    for sigma, deviation in ((22.0, 2.6), (10.0, 1.1)):
        for axis in range(3):
            noise = ndimage.gaussian_filter(
                rng.standard_normal(grid.shape), sigma / grid.spacing, mode="wrap"
            )
            v[axis] += strength * deviation * noise / noise.std()
    points, u = grid.points(), v / 2**squarings
    for _ in range(squarings):
        u = displace(points + u, u, grid) - points
    return u


def radial(rng: np.random.Generator, grid: Grid, strength: float, centres: int = 80) -> np.ndarray:
    """Local growth and atrophy: balls that swell or shrink, one after the other. Each alone is invertible."""
    start = grid.points()
    points = start.copy()
    low, high = start.reshape(3, -1).min(axis=1), start.reshape(3, -1).max(axis=1)
    for _ in range(centres):
        centre = rng.uniform(low, high)
        width, change = rng.uniform(12, 30), rng.uniform(0.1, 0.35) * rng.choice([-1, 1])
        away = points - centre[:, None, None, None]
        fall = np.exp(-0.5 * (away**2).sum(axis=0) / width**2)
        points = points + np.clip(strength * change, -0.7, 0.7) * fall * away
    return points - start


FAMILIES: dict[str, Family] = {"bspline": bspline, "velocity": velocity, "radial": radial}


def compose(families: Sequence[str], seed: int, grid: Grid, strength: float) -> np.ndarray:
    """The families one after the other, (3, D, H, W) mm; with n of them each has strength / sqrt(n)."""
    points = grid.points()
    end = points
    for number, name in enumerate(families):
        u = FAMILIES[name](np.random.default_rng([seed, number]), grid, strength / np.sqrt(len(families)))
        end = displace(end, u, grid)
    return end - points


def without_affine(u: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Displacements (3, N) mm at points (3, N) less their best affine fit: what an affine stage leaves."""
    design = np.vstack([points, np.ones(points.shape[1])]).T
    return u - (design @ np.linalg.lstsq(design, u.T, rcond=None)[0]).T


def _one_lattice(rng: np.random.Generator, grid: Grid, knots: float, deviation: float) -> np.ndarray:
    bases = []
    for size, spacing in zip(grid.shape, grid.spacing, strict=True):
        spans = int(np.ceil((size - 1) * spacing / knots)) + 1
        t = np.arange(-3, spans + 4) * knots
        bases.append(BSpline.design_matrix(np.arange(size) * spacing, t, 3).toarray())
    coefficients = rng.normal(0, deviation, (3, *(b.shape[1] for b in bases)))
    return np.einsum("cxyz,ix,jy,kz->cijk", coefficients, *bases, optimize=True)
