"""Seconds that each metric takes on one pair of 160 x 192 x 160 voxels with 56 labels, and the ratio to a library.

usage: python benchmarks/score_pair.py [THREADS]
Both sides of a ratio are measured here, in this process; above 1, ours is faster. The last line is the whole of
`score_pair`, reading its files included.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import surface_distance
import torch
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.metrics import structural_similarity
from sklearn.metrics import mutual_info_score

from regbench.geometry.fields import write_field
from regbench.geometry.grid import Grid
from regbench.geometry.images import write_volume
from regbench.geometry.sampling import sample_volume
from regbench.scores.deformation import folding, non_diffeomorphic_volume
from regbench.scores.overlap import dice
from regbench.scores.pair import score_pair
from regbench.scores.similarity import mutual_information, ssim
from regbench.scores.surface import hd95
from regbench.study import ScoreSettings

SHAPE, LABELS = (160, 192, 160), 56


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("threads", type=int, nargs="?", default=2)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    rng = np.random.default_rng(0)
    grid = Grid(SHAPE, np.eye(4))
    brain, labels, image = subject(rng)
    u = smooth_field(rng, millimetres=10)
    points = grid.points() + u
    warped_labels, warped = (sample_volume(x, grid, points, order) for x, order in ((labels, 0), (image, 1)))
    report("sample image", lambda: sample_volume(image, grid, points, 1))
    report("sample labels", lambda: sample_volume(labels, grid, points, 0))
    report("dsc", lambda: dice(labels, warped_labels), lambda: overlap_itk(labels, warped_labels))
    report(
        "hd95",
        lambda: hd95(labels, warped_labels, grid.spacing, threads),
        lambda: hd95_library(labels, warped_labels),
    )
    inside, inside_warped = image[brain], warped[brain]
    report(
        "mi, nmi",
        lambda: mutual_information(inside, inside_warped),
        lambda: mi_library(inside, inside_warped),
    )
    report(
        "ssim",
        lambda: ssim(image, warped, brain),
        lambda: structural_similarity(image, warped, data_range=1.0, full=True),
    )
    report("folding", lambda: folding(u, grid, brain), lambda: jacobian_itk(u))
    report("ndv", lambda: non_diffeomorphic_volume(u, grid, brain))
    with tempfile.TemporaryDirectory() as folder:
        pair, run = write_pair(Path(folder), grid, brain, labels, image, u)
        report("score_pair", lambda: score_pair(pair, run, ScoreSettings()))


def report(name: str, ours: Callable[[], object], theirs: Callable[[], object] | None = None) -> None:
    """Print the seconds of one call and of all its threads, and how many times longer the library takes."""
    wall, cpu = seconds(ours)
    ratio = f"library / ours {seconds(theirs)[1] / cpu:5.1f} (CPU)" if theirs else ""
    print(f"{name:14}{wall:8.2f} s wall{cpu:8.2f} s CPU   {ratio}", flush=True)


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds; the second hold on a machine that has other work too."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def subject(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An ellipsoid of a brain's size: mask, labels (nearest of random seeds), noisy image in [0, 1]."""
    places = np.indices(SHAPE).reshape(3, -1).T
    brain = np.linalg.norm((places - np.array(SHAPE) / 2) / [65, 85, 65], axis=1) < 1
    seeds = places[rng.choice(np.flatnonzero(brain), LABELS)]
    labels = (
        np.where(brain, 1 + KDTree(seeds).query(places, workers=-1)[1], 0).astype(np.int32).reshape(SHAPE)
    )
    noise = 0.05 * rng.standard_normal(SHAPE)
    image = np.clip(labels / LABELS + noise, 0.01, 1) * (labels > 0)
    return labels > 0, labels, image.astype(np.float32)


def smooth_field(rng: np.random.Generator, millimetres: float) -> np.ndarray:
    """(3, D, H, W) float32 mm, its largest component `millimetres`."""
    coarse = [ndimage.gaussian_filter(rng.standard_normal([n // 4 for n in SHAPE]), 4) for _ in range(3)]
    u = np.stack([ndimage.zoom(component, 4, order=1) for component in coarse])
    return (millimetres * u / np.abs(u).max()).astype(np.float32)


def overlap_itk(labels: np.ndarray, warped: np.ndarray) -> None:
    sitk.LabelOverlapMeasuresImageFilter().Execute(
        sitk.GetImageFromArray(labels), sitk.GetImageFromArray(warped)
    )


def hd95_library(labels: np.ndarray, warped: np.ndarray) -> None:
    for label in range(1, LABELS + 1):
        distances = surface_distance.compute_surface_distances(labels == label, warped == label, (1, 1, 1))
        surface_distance.compute_robust_hausdorff(distances, 95)


def mi_library(image: np.ndarray, warped: np.ndarray) -> None:
    mutual_info_score((image * 64).astype(int), (warped * 64).astype(int))


def jacobian_itk(u: np.ndarray) -> None:
    sitk.DisplacementFieldJacobianDeterminant(sitk.GetImageFromArray(np.moveaxis(u, 0, -1), isVector=True))


def write_pair(folder: Path, grid: Grid, brain, labels, image, u) -> tuple[dict, dict]:
    """Records of a pair of the subject with itself, and of a run."""
    data = {"image": image, "mask": brain, "labels": labels}
    for name, volume in data.items():
        write_volume(folder / f"{name}.nii.gz", volume, grid)
    for name in ("field", "truth"):
        write_field(folder / f"{name}.nii.gz", u, grid)
    side = {name: str(folder / f"{name}.nii.gz") for name in data}
    side |= {"original": side["image"], "original_mask": side["mask"]}
    side |= {"to_original": np.eye(4).tolist(), "normalisation": {"low": 0.0, "high": 1.0}}
    pair = {"pair": "a__b", "fixed": side, "moving": side, "truth": str(folder / "truth.nii.gz")}
    names = {"task": "t", "fixed": "a", "moving": "b", "method": "m", "variant": "default", "repetition": 0}
    return pair, {**names, "status": "ok", "field": str(folder / "field.nii.gz")}


if __name__ == "__main__":
    main()
