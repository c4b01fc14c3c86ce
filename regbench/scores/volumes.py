"""Volumes of labels."""

import numpy as np

from regbench.geometry.images import Volume

MM3 = 1000.0  # in a millilitre


def label_volumes(labels: Volume, to_original: np.ndarray | None = None) -> dict[int, float]:
    """Label -> ml, 0 and below being background.

    to_original: a 4x4 matrix to the space, LPS mm, whose millilitres they are; None: the labels' own.
    """
    linear = (
        labels.grid.affine[:3, :3]
        if to_original is None
        else to_original[:3, :3] @ labels.grid.affine[:3, :3]
    )
    names, counts = np.unique(labels.data, return_counts=True)
    ml = abs(np.linalg.det(linear)) / MM3
    return {int(name): float(count * ml) for name, count in zip(names, counts, strict=True) if name > 0}
