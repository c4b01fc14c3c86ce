"""The template a phantom population is made from: a tissue map, anatomical labels and, where there are, real contrasts."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_multiotsu

from regbench.data import _mni152
from regbench.data._options import TemplateFiles
from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume, read_volume
from regbench.geometry.sampling import sample_volume


@dataclass(frozen=True, eq=False)
class Template:
    """All arrays (D, H, W) on `grid`, cut to the brain's box and some margin.

    tissue: 0 CSF, 1 grey, 2 white, fractions between two neighbours where both are in the voxel.
    ventricles: 0..1, blurred, 0.5 at the border of the deep CSF.
    levels: by contrast, the intensity of CSF, grey and white matter, the brightest being 1.
    residuals: by contrast that was really imaged, what the image has beyond the level of its tissue.
    """

    grid: Grid
    tissue: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    ventricles: np.ndarray
    levels: dict[str, tuple[float, float, float]]
    residuals: dict[str, np.ndarray]


# Levels of contrasts made from tissue alone (CSF, grey, white; the brightest is 1). T1w: one head's, for in the
# average grey matter is brighter (0.78), because cortices do not coincide. T2w: near long-TE spin echo.
LEVELS = {"T1w": (0.25, 0.68, 1.0), "T2w": (1.0, 0.55, 0.37)}


@lru_cache(maxsize=1)
def load_template(files: TemplateFiles | None) -> Template:
    """Read a template; None is the packaged MNI152. Errors name the file or the package that is missing."""
    return _of_packages() if files is None else _of_files(files)


def _of_packages() -> Template:
    t1 = _cut(read_volume(_mni152.t1_path()))
    mask = t1.data > 0
    soft = _tissue_of_t1(t1.data)
    ventricles = _ventricles(soft, mask, t1.grid)
    labels = _mni152.join_regions(_labels_on(t1.grid, _mni152.labels_path()))
    labels = _mni152.fill_cortex(labels, mask & (soft < 1.6) & (ventricles < 0.2))
    return _build({}, soft, _narrow(soft), mask, labels, t1.grid)


def _of_files(files: TemplateFiles) -> Template:
    t1 = _cut(read_volume(files.t1))
    images = {"T1w": t1.data}
    if files.t2:
        t2 = read_volume(files.t2)
        images["T2w"] = sample_volume(t2.data, t2.grid, t1.grid.points(), 1)
    classes = _labels_on(t1.grid, files.tissues) if files.tissues else None
    inside = _labels_on(t1.grid, files.mask) if files.mask else t1.data if classes is None else classes
    soft = _tissue_of_t1(t1.data) if classes is None else _tissue_of_classes(classes, files.tissues)
    tissue = _narrow(soft) if classes is None else soft
    return _build(images, soft, tissue, inside > 0, _labels_on(t1.grid, files.labels), t1.grid)


def _build(
    images: dict[str, np.ndarray],
    soft: np.ndarray,
    tissue: np.ndarray,
    mask: np.ndarray,
    labels: np.ndarray,
    grid: Grid,
) -> Template:
    """`images` are the contrasts whose real image is used; `soft` is the tissue that they show, before narrowing."""
    levels, residuals = dict(LEVELS), {}
    for name, image in images.items():
        scaled, (csf, grey, white) = _scaled(image, soft, mask)
        levels[name] = (csf, grey, white)
        beyond = scaled - np.interp(soft, [0, 1, 2], levels[name])
        residuals[name] = np.where(mask, beyond, 0).astype(np.float32)
    labels = np.where(mask, labels, 0).astype(np.int16)
    ventricles = _ventricles(soft, mask, grid)
    return Template(grid, tissue, mask.astype(np.float32), labels, ventricles, levels, residuals)


def _scaled(image: np.ndarray, tissue: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """The image with its brightest tissue at 1, and the medians where a voxel is nearly all CSF, grey, white."""
    medians = [float(np.median(image[mask & (np.abs(tissue - k) < 0.2)])) for k in range(3)]
    return image / max(medians), [median / max(medians) for median in medians]


def _tissue_of_t1(t1: np.ndarray) -> np.ndarray:
    """Tissue (D, H, W) from the three classes of a stripped T1 image, linear between their medians."""
    inside = t1[t1 > 0]
    classes = np.digitize(inside, threshold_multiotsu(inside, classes=3))
    peaks = [float(np.median(inside[classes == k])) for k in range(3)]
    return np.interp(t1, peaks, [0, 1, 2]).astype(np.float32)


def _narrow(tissue: np.ndarray) -> np.ndarray:
    """An average's soft borders made as narrow as those of one head; borders stay where they are."""
    whole = np.minimum(np.floor(tissue), 1)
    part = tissue - whole
    return whole + part * part * (3 - 2 * part)


def _tissue_of_classes(classes: np.ndarray, path: Path | None) -> np.ndarray:
    if not set(np.unique(classes)) <= {0, 1, 2, 3}:
        raise ValueError(
            f"{path}: a tissue map has 1 CSF, 2 grey, 3 white, found {np.unique(classes).tolist()}"
        )
    blurred = ndimage.gaussian_filter(np.maximum(classes - 1, 0).astype(np.float32), 0.6)
    return np.clip(blurred, 0, 2)


def _ventricles(tissue: np.ndarray, mask: np.ndarray, grid: Grid) -> np.ndarray:
    """CSF at least 22 mm inside the brain, blurred by 2 mm, so that a lower threshold than 0.5 widens it."""
    coarse = mask[::2, ::2, ::2]
    depth = np.asarray(ndimage.distance_transform_edt(np.pad(coarse, 1), sampling=2 * grid.spacing))[
        1:-1, 1:-1, 1:-1
    ]
    index = [np.minimum(np.arange(n) // 2, m - 1) for n, m in zip(mask.shape, coarse.shape, strict=True)]
    deep = (tissue < 0.5) & mask & (depth[np.ix_(*index)] > 22)
    return ndimage.gaussian_filter(deep.astype(np.float32), 2 / grid.spacing)


def _cut(volume: Volume, margin: int = 4) -> Volume:
    """The box of what is not zero, and `margin` voxels around it."""
    box = ndimage.find_objects((volume.data > 0).astype(np.int8))
    if not box:
        raise ValueError(f"{volume.path}: the template's T1 is empty")
    starts = [max(0, s.start - margin) for s in box[0]]
    stops = [min(n, s.stop + margin) for s, n in zip(box[0], volume.data.shape, strict=True)]
    data = np.ascontiguousarray(volume.data[tuple(map(slice, starts, stops))])
    shift = np.eye(4)
    shift[:3, 3] = starts
    shape = (data.shape[0], data.shape[1], data.shape[2])
    return Volume(data, Grid(shape, volume.grid.affine @ shift), path=volume.path)


def _labels_on(grid: Grid, path: Path) -> np.ndarray:
    volume = read_volume(path, dtype=np.int32)
    step = np.linalg.inv(volume.grid.affine) @ grid.affine
    return ndimage.affine_transform(volume.data, step, output_shape=grid.shape, order=0)
