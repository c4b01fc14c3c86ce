"""The tables of docs/reproduction.md, made from the rows of benchmarks/results/doubts.json and from nothing else."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from regbench.tables.formats import markdown_table

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "reproduction.md"
BLOCK = r"(<!-- doubts: {name} -->\n).*?(<!-- end -->)"
NAMES = {"identity": "Affine", "bspline": "B-spline", "syn": "SyN", "dmi_io": "DMI-IO", "truth": "Truth"}
TASKS = {"mono": "T1w to T1w", "multi": "T2w to T1w, two subjects", "within": "T2w to T1w, one subject"}
Rows = list[dict[str, Any]]


def fill_document(rows: Rows, path: Path = DOCUMENT) -> None:
    """Put every table between its marks in the document."""
    text = path.read_text(encoding="utf8")
    for name, table in tables(rows).items():
        text, count = re.subn(
            BLOCK.format(name=name), lambda m, t=table: f"{m[1]}\n{t}\n\n{m[2]}", text, flags=re.DOTALL
        )
        if count != 1:
            raise ValueError(
                f"{path}: expected one block `<!-- doubts: {name} -->` … `<!-- end -->`, found {count}"
            )
    path.write_text(text, encoding="utf8")


def tables(rows: Rows) -> dict[str, str]:
    """Markdown by the name of the block that it stands in."""
    return {name: markdown_table(*make(rows)) for name, make in TABLES.items()}


def of(rows: Rows, doubt: str) -> Rows:
    return [row for row in rows if row["doubt"] == doubt]


def equation(rows: Rows) -> tuple[list[str], list[list[str]]]:
    lines = []
    for method in ("identity", "truth"):
        mine = [row for row in of(rows, "equation") if row["method"] == method]
        printed, voxels = (np.array([row[name] for row in mine]) for name in ("printed", "voxels"))
        lines.append([NAMES[method], f"{abs(printed).max():.0e}", f"{voxels.mean():.4f}"])
    return [
        "12 pairs, T1w to T1w",
        "sum over all pairs of samples: largest MI",
        "sum over voxels: mean MI",
    ], lines


def estimator(rows: Rows) -> tuple[list[str], list[list[str]]]:
    header = ["Images", "Bins", "σ (bins)", *NAMES.values(), "Order as by error"]
    return header, [
        [
            TASKS[row["task"]], str(row["bins"]), f"{row['sigma']:g}", *(f"{row[name]:.4f}" for name in NAMES),
            f"{row['agreement']:.2f}",
        ]
        for row in of(rows, "estimator")
    ]  # fmt: skip


def densities(rows: Rows) -> tuple[list[str], list[list[str]]]:
    header = ["Intensities", "Bins", "“MI” of densities", "times MI", "gradient: times MI's"]
    return header, [
        [f"0 to {row['top']:g}", str(row["bins"]), *(f"{row[n]:.4g}" for n in ("value", "value_ratio", "gradient_ratio"))]
        for row in of(rows, "densities")
    ]  # fmt: skip


def ssim(rows: Rows) -> tuple[list[str], list[list[str]]]:
    header = ["Setting", "Affine: SSIM", "PSNR (dB)", "DMI-IO: SSIM", "PSNR (dB)", "brain (%)"]
    columns = ("identity_ssim", "identity_psnr", "dmi_io_ssim", "dmi_io_psnr")
    return header, [
        [
            row["setting"],
            *(f"{row[name]:.{2 if name.endswith('psnr') else 4}f}" for name in columns),
            f"{100 * row['brain_share']:.0f}",
        ]
        for row in of(rows, "ssim")
    ]


def ranking(rows: Rows) -> tuple[list[str], list[list[str]]]:
    header = [
        "Images",
        "Row",
        "Error (mm)",
        "DSC",
        "MI",
        "SSIM",
        "PSNR (dB)",
        "MI above truth's (% of pairs)",
    ]
    order = list(NAMES)
    lines = sorted(
        of(rows, "ranking"), key=lambda row: (list(TASKS).index(row["task"]), order.index(row["method"]))
    )
    return header, [
        [
            TASKS[row["task"]], NAMES[row["method"]], f"{row['error']:.2f}", f"{row['dsc']:.4f}", f"{row['mi']:.4f}",
            f"{row['ssim']:.4f}", f"{row['psnr']:.2f}", f"{100 * row['mi_above_truth']:.0f}",
        ]
        for row in lines
    ]  # fmt: skip


def agreement(rows: Rows) -> tuple[list[str], list[list[str]]]:
    found = {(row["task"], row["metric"]): row["spearman"] for row in of(rows, "agreement")}
    metrics = {"dsc": "DSC", "mi": "MI", "ssim": "SSIM", "psnr": "PSNR"}
    lines = [[title, *(f"{found[task, name]:.2f}" for name in metrics)] for task, title in TASKS.items()]
    return ["Images", *metrics.values()], lines


def spread(rows: Rows) -> tuple[list[str], list[list[str]]]:
    header = ["Affine row", "Paper's parentheses", "SD, were that a variance", "Our SD", "Our variance"]
    titles = {"dsc": "DSC", "ssim": "SSIM", "psnr": "PSNR (dB)"}
    return header, [
        [titles[row["metric"]], *(f"{row[n]:.4g}" for n in ("printed", "sd_if_variance", "sd", "variance"))]
        for row in of(rows, "spread")
    ]


def arithmetic(rows: Rows) -> tuple[list[str], list[list[str]]]:
    return ["The paper's own numbers", ""], [
        [row["what"], f"{row['value']:.4g}"] for row in of(rows, "arithmetic")
    ]


TABLES = {
    "equation": equation,
    "estimator": estimator,
    "densities": densities,
    "ssim": ssim,
    "ranking": ranking,
    "agreement": agreement,
    "spread": spread,
    "arithmetic": arithmetic,
}
