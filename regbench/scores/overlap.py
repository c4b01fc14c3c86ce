"""Overlap of label images."""

import numpy as np


def dice(fixed: np.ndarray, moving: np.ndarray) -> dict[int, float]:
    """Dice similarity coefficient of each label (Dice 1945).

    fixed, moving: integer label images on one grid, (D, H, W); 0 and below is background.
    Returns label -> 2|A ∩ B| / (|A| + |B|) for the union of both label sets; a label absent in one image has 0.
    Raises ValueError when the shapes differ.
    """
    if fixed.shape != moving.shape:
        raise ValueError(f"label images of one grid expected, found shapes {fixed.shape} and {moving.shape}")
    names, fixed, moving = _compact(fixed.ravel(), moving.ravel())
    count = len(names)
    sizes = np.bincount(fixed, minlength=count) + np.bincount(moving, minlength=count)
    shared = np.bincount(fixed[fixed == moving], minlength=count)
    return {int(names[k]): float(2 * shared[k] / sizes[k]) for k in np.flatnonzero(sizes) if names[k] > 0}


def mean_over_labels(values: dict[int, float]) -> float:
    """Mean over the labels that have a finite value; NaN when none has."""
    finite = [value for value in values.values() if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def _compact(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label numbers small enough to count with bincount: (names, a, b) with names[a] the labels as they were."""
    a, b = np.maximum(a, 0), np.maximum(b, 0)
    highest = max(a.max(initial=0), b.max(initial=0))
    if highest < 1 << 20:  # sorting millions of voxels costs more than a table of a million zeros
        return np.arange(highest + 1), a, b
    names, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    return names, codes[: a.size], codes[a.size :]
