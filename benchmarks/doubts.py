"""What the paper's doubtful choices do to its numbers, measured on pairs whose truth is known (docs/reproduction.md).

usage: python benchmarks/doubts.py [--save]

Runs benchmarks/doubts.yaml (the demo's population; a few minutes, then it is only read) and measures: eq. 6 as printed; MI
against bins and sigma; densities that are not normalised; SSIM and PSNR of affinely aligned pairs under common settings;
which metric orders methods as their true error does, of one subject and of two. `--save` writes
benchmarks/results/doubts.json and the tables in docs/reproduction.md.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from doubts_tables import fill_document, tables
from machine import keep, machine, refuse_failures
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from study import ROOT, run

from regbench.geometry.fields import read_field
from regbench.geometry.grid import apply_affine
from regbench.geometry.images import read_volume
from regbench.geometry.sampling import sample
from regbench.models.mutual_information import mutual_information
from regbench.prepared.intensity import normalise
from regbench.records import read_record
from regbench.scores.similarity import psnr
from regbench.tables.frames import Frame, read_table
from regbench.tables.paper import paper

STUDY = Path(__file__).with_suffix(".yaml")
RESULTS = ROOT / "results" / "doubts"
METHODS = ("identity", "bspline", "syn", "dmi_io", "truth")
BINS, SIGMAS = (16, 32, 64, 128), (0.5, 1.0, 2.0)
SAMPLES = 20_000  # voxels, where a sum over bins for each voxel must fit in memory
Row = dict[str, Any]
Images = tuple[np.ndarray, np.ndarray, np.ndarray]  # fixed, warped (D, H, W) in [0, 1], brain (bool)


@dataclass(frozen=True)
class Warped:
    """One registered pair: what a score compares."""

    task: str
    pair: str
    method: str
    images: Images


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    run(STUDY)
    torch.set_num_threads(1)
    scores = read_table(RESULTS / "scores.csv")
    refuse_failures(scores)
    found = list(registered())
    rows = [*printed_equation(found), *mi_settings(found, scores), *densities(found), *similarity(found)]
    rows += [*ranking(scores), *spread(scores), *arithmetic()]
    for name, text in tables(rows).items():
        print(f"{name}\n\n{text}\n")
    if options.save:
        keep("doubts", machine("cpu", 1), rows, {})
        fill_document(rows)


def registered() -> Iterator[Warped]:
    """Every run of the study, its moving scan sampled once."""
    for task in ("mono", "multi", "within"):
        for pair in read_record(RESULTS / "prepared" / task / "pairs" / "test_b0.json")["pairs"]:
            for method in METHODS:
                field = RESULTS / "runs" / task / method / "default" / "r0_b0" / f"{pair['pair']}.nii.gz"
                yield Warped(task, pair["pair"], method, images_of(pair, field))


def images_of(pair: Row, field: Path) -> Images:
    """Fixed image, warped moving image, brain, as regbench/scores/pair.py has them."""
    (fixed, moving), (u, _) = (pair["fixed"], pair["moving"]), read_field(field)
    image = read_volume(ROOT / fixed["image"])
    points = image.grid.points() + u
    parts = []
    for name, kind, order in (("original", np.float32, 1), ("original_mask", np.uint8, 0)):
        volume = read_volume(ROOT / moving[name], kind)
        index = np.linalg.inv(volume.grid.affine) @ np.array(moving["to_original"])
        parts.append(sample(volume.data, apply_affine(index, points), order))
    warped = normalise(parts[0], moving["normalisation"]) * (parts[1] > 0)
    return image.data, warped.astype(np.float32), read_volume(ROOT / fixed["mask"], np.uint8).data > 0


def in_brain(images: Images) -> tuple[np.ndarray, np.ndarray]:
    fixed, warped, brain = images
    return fixed[brain], warped[brain]


def windows(values: torch.Tensor, bins: int, sigma: float, top: float) -> torch.Tensor:
    """Eq. 5 of N intensities in [0, top] at `bins` centres, float64: (N, bins), densities. sigma in bin widths."""
    centres = torch.linspace(0, top, bins, dtype=torch.float64)
    width = sigma * top / (bins - 1)
    z = (values[:, None] - centres) / width
    return torch.exp(-0.5 * z**2) / (width * (2 * torch.pi) ** 0.5)


def information(joint: torch.Tensor, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
    """Eq. 3 of whatever numbers are given."""
    product = fixed[:, None] * moving[None]
    return torch.where(joint > 1e-300, joint * (joint / product).log(), 0.0).sum()


def some(images: Images) -> tuple[torch.Tensor, torch.Tensor]:
    """The same SAMPLES voxels of the brain of both images, float64."""
    fixed, warped = in_brain(images)
    chosen = np.random.default_rng(0).choice(len(fixed), min(SAMPLES, len(fixed)), replace=False)
    return tuple(torch.from_numpy(values[chosen].astype(np.float64)) for values in (fixed, warped))


def printed_equation(found: list[Warped]) -> Iterator[Row]:
    """MI with the sum of eq. 6 over all pairs of samples (made probabilities), and over voxels."""
    for each in found:
        if each.task == "mono" and each.method in ("identity", "truth"):
            a, b = (windows(values, 32, 0.5, 1.0) for values in some(each.images))
            values = {}
            for name, joint in (("printed", torch.outer(a.sum(0), b.sum(0))), ("voxels", a.T @ b)):
                joint = joint / joint.sum()
                values[name] = float(information(joint, joint.sum(1), joint.sum(0)))
            yield {"doubt": "equation", "pair": each.pair, "method": each.method, **values}


def mi_settings(found: list[Warped], scores: Frame) -> Iterator[Row]:
    """Mean MI of each method under each estimator, and how well it orders them by their true error."""
    errors = means(scores, "error")
    for task in ("mono", "multi"):
        for bins in BINS:
            for sigma in SIGMAS:
                values = {method: [] for method in METHODS}
                for each in found:
                    if each.task == task:
                        pair = (torch.from_numpy(values)[None] for values in in_brain(each.images))
                        values[each.method].append(float(mutual_information(*pair, bins=bins, sigma=sigma)))
                mean = {method: float(np.mean(numbers)) for method, numbers in values.items()}
                order = [errors[task, method] for method in METHODS]
                agreement = float(spearmanr([-mean[method] for method in METHODS], order).statistic)
                names = {"doubt": "estimator", "task": task, "bins": bins, "sigma": sigma}
                yield names | mean | {"agreement": agreement}


def densities(found: list[Warped]) -> Iterator[Row]:
    """Value and gradient of eqs 3 to 6 as densities over those of probabilities: what a lambda must be multiplied by."""
    fixed, moving = some(next(each for each in found if each.task == "mono").images)
    for top in (1.0, 255.0):
        for bins in BINS:
            sizes = {}
            for name in ("densities", "probabilities"):
                moved = moving.clone().requires_grad_()
                a, b = (windows(values * top, bins, 0.5, top) for values in (fixed, moved))
                if name == "probabilities":
                    a, b = (each / each.sum(1, keepdim=True) for each in (a, b))
                value = information(a.T @ b / len(a), a.mean(0), b.mean(0))
                (gradient,) = torch.autograd.grad(value, moved)
                sizes[name] = (float(value.detach()), float(gradient.norm()))
            ratios = [x / y for x, y in zip(sizes["densities"], sizes["probabilities"], strict=True)]
            names = {"doubt": "densities", "top": top, "bins": bins}
            yield names | {
                "value": sizes["densities"][0],
                "value_ratio": ratios[0],
                "gradient_ratio": ratios[1],
            }


def whole(images: Images, **settings: Any) -> float:
    fixed, warped, _ = images
    return float(structural_similarity(fixed, warped, **{"data_range": 1.0, **settings}))


def within_brain(images: Images) -> float:
    fixed, warped, brain = images
    return float(structural_similarity(fixed, warped, data_range=1.0, full=True)[1][brain].mean())


def by_slice(images: Images) -> float:
    """Mean over axial slices that show brain."""
    fixed, warped, brain = (np.moveaxis(image, 2, 0) for image in images)
    shown = [n for n in range(len(brain)) if brain[n].any()]
    return float(np.mean([structural_similarity(fixed[n], warped[n], data_range=1.0) for n in shown]))


def one_window(images: Images) -> float:
    """SSIM's formula once, with the means and variances of the whole grid."""
    x, y = (image.astype(float).ravel() for image in images[:2])
    c1, c2 = 0.01**2, 0.03**2
    covariance = np.cov(x, y, bias=True)
    means = 2 * x.mean() * y.mean() + c1, x.mean() ** 2 + y.mean() ** 2 + c1
    return float(
        means[0] / means[1] * (2 * covariance[0, 1] + c2) / (covariance[0, 0] + covariance[1, 1] + c2)
    )


def boxed(images: Images) -> Images:
    """The smallest box around the brain."""
    box = tuple(slice(k.min(), k.max() + 1) for k in np.nonzero(images[2]))
    return tuple(image[box] for image in images)


def padded(images: Images) -> Images:
    """A grid twice as long on each side, with nothing in what is new."""
    return tuple(np.pad(image, [(n // 2, n - n // 2) for n in image.shape]) for image in images)


Measure = Callable[[Images], float]
SETTINGS: dict[str, tuple[Callable[[Images], Images], Measure]] = {
    "whole grid, data range 1": (lambda images: images, whole),
    "box around the brain": (boxed, whole),
    "in the brain": (lambda images: images, within_brain),
    "Gaussian window, sigma 1.5": (
        lambda images: images,
        lambda i: whole(i, gaussian_weights=True, sigma=1.5, use_sample_covariance=False),
    ),
    "axial slices": (lambda images: images, by_slice),
    "one window over the whole grid": (lambda images: images, one_window),
    "data range 2 (a default for floats)": (lambda images: images, lambda i: whole(i, data_range=2.0)),
    "data range 10 for [0, 1]": (lambda images: images, lambda i: whole(i, data_range=10.0)),
    "grid of twice the length": (padded, whole),
    "grid of twice the length, data range 2": (padded, lambda i: whole(i, data_range=2.0)),
    "data range 255 for [0, 1]": (lambda images: images, lambda i: whole(i, data_range=255.0)),
}


def similarity(found: list[Warped]) -> Iterator[Row]:
    """Mean SSIM under each setting, with PSNR (data range 1) over the same region, for the paper's mono-modal rows."""
    for name, (region, measure) in SETTINGS.items():
        row: Row = {"doubt": "ssim", "setting": name}
        for method in ("identity", "dmi_io"):
            taken = [region(each.images) for each in found if (each.task, each.method) == ("mono", method)]
            pairs = [in_brain(images) if measure is within_brain else images[:2] for images in taken]
            row[f"{method}_ssim"] = float(np.mean([measure(images) for images in taken]))
            row[f"{method}_psnr"] = float(np.mean([psnr(*pair) for pair in pairs]))
            row["brain_share"] = float(np.mean([images[2].mean() for images in taken]))
        yield row


def ranking(scores: Frame) -> Iterator[Row]:
    """Mean scores of each method on each task, and the share of pairs on which its MI is above that of the truth."""
    whole_rows = scores[scores["label"].isna()]
    table = whole_rows.pivot_table(
        index=["task", "fixed", "moving", "method"], columns="metric", values="value"
    ).reset_index()
    for (task, method), rows in table.groupby(["task", "method"]):
        truth = table[(table["task"] == task) & (table["method"] == "truth")]
        both = rows.merge(truth, on=["fixed", "moving"], suffixes=("", "_truth"))
        names = ("error", "dsc", "mi", "nmi", "ssim", "psnr", "psnr_brain")
        above = {
            f"{name}_above_truth": float((both[name] > both[f"{name}_truth"]).mean())
            for name in ("mi", "psnr")
        }
        row = {"doubt": "ranking", "task": task, "method": method, "pairs": len(rows)}
        yield row | {name: float(rows[name].mean()) for name in names} | above
    for task, rows in table.groupby("task"):
        for metric in ("dsc", "mi", "ssim", "psnr"):
            each = [
                spearmanr(-pair[metric], pair["error"]).statistic
                for _, pair in rows.groupby(["fixed", "moving"])
            ]
            yield {"doubt": "agreement", "task": task, "metric": metric, "spearman": float(np.mean(each))}


def spread(scores: Frame) -> Iterator[Row]:
    """SD and variance over pairs of the affine row, beside the number that the paper has in parentheses."""
    mono = scores[scores["label"].isna() & (scores["task"] == "mono") & (scores["method"] == "identity")]
    printed = paper()["tables"][1]["rows"]["identity"]
    for metric in ("dsc", "ssim", "psnr"):
        values = mono[mono["metric"] == metric]["value"]
        number = float(printed[metric][1])
        yield {
            "doubt": "spread", "metric": metric, "printed": number, "sd_if_variance": number**0.5,
            "sd": float(values.std()), "variance": float(values.var()),
        }  # fmt: skip


def arithmetic() -> Iterator[Row]:
    """The paper's own numbers against each other."""
    rows = paper()["tables"][2]["rows"]
    ours = rows["dmi"]["cpu"][0]
    for name, value in {
        "ordered pairs of 32 subjects": 32 * 31,
        "ordered pairs of 8 subjects": 8 * 7,
        "B-spline over ours, CPU": rows["bspline"]["cpu"][0] / ours,
        "SyN over ours, CPU": rows["syn"]["cpu"][0] / ours,
    }.items():
        yield {"doubt": "arithmetic", "what": name, "value": float(value)}


def means(scores: Frame, metric: str) -> "pd.Series[float]":
    rows = scores[scores["label"].isna() & (scores["metric"] == metric)]
    return rows.groupby(["task", "method"])["value"].mean()


if __name__ == "__main__":
    main()
