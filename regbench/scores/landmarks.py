"""Distance of landmarks that a field has moved to where they belong."""

import numpy as np

from regbench.geometry.fields import displace
from regbench.geometry.grid import Grid, apply_affine


def target_registration_error(
    fixed: np.ndarray, moving: np.ndarray, u: np.ndarray, grid: Grid, to_original: np.ndarray
) -> float:
    """Mean distance, mm, of the fixed landmarks, moved by the field, to the moving ones (Fitzpatrick et al. 1998).

    fixed: (3, N) LPS mm in prepared space; moving: (3, N) in the moving scan's own space, where distances are those of the
    anatomy; u: (3, D, H, W) mm on `grid`, linear between voxels; to_original: the moving side's.
    """
    ends = apply_affine(to_original, displace(fixed, u, grid))
    return float(np.linalg.norm(ends - moving, axis=0).mean())
