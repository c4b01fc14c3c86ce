"""Distances between the surfaces of labels."""

import numpy as np
from scipy.spatial import KDTree


def label_borders(labels: np.ndarray) -> np.ndarray:
    """Voxels with a face neighbour of another label, on both sides of the border: (D, H, W) bool."""
    border = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        ahead = _along(axis, slice(1, None))
        behind = _along(axis, slice(None, -1))
        differs = labels[ahead] != labels[behind]
        border[ahead] |= differs
        border[behind] |= differs
    return border


def label_surfaces(labels: np.ndarray) -> np.ndarray:
    """The label image with the inside of each label cleared: (D, H, W); what lies beyond the grid is background."""
    edge = label_borders(labels)
    for axis in range(labels.ndim):
        edge[_along(axis, 0)] = edge[_along(axis, -1)] = True
    return np.where(edge & (labels > 0), labels, 0)


def hd95(fixed: np.ndarray, moving: np.ndarray, spacing: np.ndarray, workers: int = 1) -> dict[int, float]:
    """95th percentile Hausdorff distance of each label, mm: the larger of both directions' percentiles.

    fixed, moving: label images on one grid with orthogonal axes, (D, H, W); spacing: (3,) mm; workers: threads.
    Distances run between centres of surface voxels (6-connected). NaN for a label that one image lacks:
    it has no distance (its DSC is 0).
    """
    surface_f, surface_m = label_surfaces(fixed), label_surfaces(moving)
    voxels_f, voxels_m = _voxels_by_label(surface_f), _voxels_by_label(surface_m)
    result = {}
    for label in sorted(voxels_f.keys() | voxels_m.keys()):
        if label not in voxels_f or label not in voxels_m:
            result[label] = float("nan")
            continue
        f, m = voxels_f[label], voxels_m[label]
        there = _directed(f, m, surface_m[tuple(f.T)] == label, spacing, workers)
        back = _directed(m, f, surface_f[tuple(m.T)] == label, spacing, workers)
        result[label] = float(max(np.percentile(there, 95), np.percentile(back, 95)))
    return result


def _directed(start, end, shared, spacing, workers) -> np.ndarray:
    """Distance, mm, of each voxel of `start` (n, 3) to the nearest of `end`; `shared` ones lie in both."""
    distances = np.zeros(len(start))
    if not shared.all():
        tree = KDTree(end * spacing, balanced_tree=False, compact_nodes=False)
        distances[~shared] = tree.query(start[~shared] * spacing, workers=workers)[0]
    return distances


def _voxels_by_label(surface: np.ndarray) -> dict[int, np.ndarray]:
    """label -> (n, 3) indices of its surface voxels."""
    voxels = np.argwhere(surface)
    names = surface[tuple(voxels.T)]
    order = np.argsort(names, kind="stable")
    labels, starts = np.unique(names[order], return_index=True)
    return dict(zip(labels.tolist(), np.split(voxels[order], starts[1:]), strict=True)) if len(labels) else {}


def _along(axis: int, index: slice | int) -> tuple:
    return (slice(None),) * axis + (index,)
