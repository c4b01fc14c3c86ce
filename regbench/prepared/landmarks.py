"""The landmarks of a pair, as its SIDE records name them: matched, and in prepared space where a field can move them."""

from dataclasses import replace
from typing import Any

import numpy as np

from regbench.geometry.grid import apply_affine
from regbench.geometry.images import read_grid
from regbench.geometry.landmarks import Landmarks, check_inside, matched, read_landmarks


def landmark_pairs(fixed: dict[str, Any], moving: dict[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """Landmarks that two sides share: fixed ones in prepared space, moving ones in their original space.

    Both (3, N) LPS mm in one order; None where a side has none. Raises ValueError that names the file when they cannot be
    matched, or when fixed ones lie outside the task's grid, where no field says where they go.
    """
    if not (fixed.get("landmarks") and moving.get("landmarks")):
        return None
    f, m = matched(_original(fixed), _original(moving))
    prepared = replace(f, points=apply_affine(np.linalg.inv(fixed["to_original"]), f.points))
    check_inside(prepared, read_grid(fixed["image"]), "outside the task's grid; make it larger")
    return prepared.points, m.points


def _original(side: dict[str, Any]) -> Landmarks:
    return read_landmarks(side["landmarks"], read_grid(side["original"]))
