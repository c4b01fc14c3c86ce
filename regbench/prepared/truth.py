"""The true displacement of a pair, expressed after preparation, from each subject's known map to its template."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from regbench.geometry.fields import displace, displacement, read_field
from regbench.geometry.grid import Grid, apply_affine

cached_field = lru_cache(maxsize=4)(read_field)  # pairs share subjects, and reading takes longest


def has_truth(data: dict[str, Any]) -> bool:
    """Whether a subject's map to the template, and back, is known."""
    return bool(data.get("to_template") and data.get("from_template"))


def true_field(
    fixed: dict[str, Any],
    moving: dict[str, Any],
    grid: Grid,
    fixed_to_original: np.ndarray,
    moving_to_original: np.ndarray,
    read: Callable[[str], tuple[np.ndarray, Grid]] = cached_field,
) -> np.ndarray:
    """(3, D, H, W) float32 LPS mm on the prepared grid: A_m^-1(from_m(to_f(A_f x))) - x (DESIGN.md, Geometry).

    fixed, moving: data records with `to_template` and `from_template`; the matrices are the sides' `to_original`.
    Within one subject the anatomy is the same, and the two maps, inverse to each other up to rounding, are left out.
    """
    points = apply_affine(fixed_to_original, grid.points())
    if fixed["subject"] != moving["subject"]:
        points = displace(points, *read(fixed["to_template"]))
        points = displace(points, *read(moving["from_template"]))
    return displacement(apply_affine(np.linalg.inv(moving_to_original), points), grid)
