"""The true displacement of a pair, expressed after preparation, from maps that the dataset knows."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from regbench.geometry.fields import displace, displacement, read_field
from regbench.geometry.grid import Grid, apply_affine

cached_field = lru_cache(maxsize=4)(read_field)  # pairs share subjects, and reading takes longest


def true_maps(
    fixed: dict[str, Any], moving: dict[str, Any], fixed_contrast: str, moving_contrast: str
) -> list[str] | None:
    """Files of the pull-back fields that, one after the other, take an original fixed point to its moving point.

    fixed, moving: data records. Between subjects they lead through the template. Within one subject the anatomy is the
    same, and nothing lies between its images but the warp of the moving one, where it has one. None: not known.
    """
    if fixed["subject"] != moving["subject"]:
        through = [fixed.get("to_template"), moving.get("from_template")]
        return [path for path in through if path] if all(through) else None
    warps = moving.get("truth") or {}
    if not (warps or moving.get("to_template")) or fixed_contrast in warps:
        return None
    return [warps[moving_contrast]] if moving_contrast in warps else []


def true_field(
    maps: list[str],
    grid: Grid,
    fixed_to_original: np.ndarray,
    moving_to_original: np.ndarray,
    read: Callable[[str], tuple[np.ndarray, Grid]] = cached_field,
) -> np.ndarray:
    """(3, D, H, W) float32 LPS mm on the prepared grid: A_m^-1(maps(A_f x)) - x (DESIGN.md, Geometry).

    The matrices are the sides' `to_original`.
    """
    points = apply_affine(fixed_to_original, grid.points())
    for path in maps:
        points = displace(points, *read(path))
    return displacement(apply_affine(np.linalg.inv(moving_to_original), points), grid)
