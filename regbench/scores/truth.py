"""Distance of a displacement field to the known one."""

import numpy as np


def field_error(u: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Mean of |u - truth|, mm, over the voxels of `where`; NaN when there are none.

    u, truth: (3, D, H, W) mm, the same axes; where: (D, H, W) bool. Raises ValueError when the shapes differ.
    """
    if u.shape != truth.shape:
        raise ValueError(f"the truth has shape {truth.shape}, the field {u.shape}: they must lie on one grid")
    if not where.any():
        return float("nan")
    return float(np.linalg.norm(u[:, where].astype(float) - truth[:, where], axis=0).mean())
