"""Every metric of the benchmark, declared once: what a number in scores.csv means and which way is better."""

from dataclasses import dataclass
from math import inf
from typing import Literal

Modality = Literal["mono", "multi"]
BOTH: frozenset[Modality] = frozenset({"mono", "multi"})
MONO: frozenset[Modality] = frozenset({"mono"})
NONE: frozenset[Modality] = frozenset()


@dataclass(frozen=True)
class Metric:
    """One metric.

    needs: what a pair must have for it ("labels": both label images; "landmarks": of both images; "truth": the known
    displacement; "lesion": a label of a person's first scan, brought to a later one; "both lesions": of both scans).
    ranked: modalities in which methods may be ordered by it; elsewhere it is reported only.
    """

    name: str
    title: str
    unit: str
    range: tuple[float, float]
    better: Literal["higher", "lower", "neither"]
    ranked: frozenset[Modality]
    source: str
    needs: Literal["labels", "landmarks", "truth", "truth and labels", "lesion", "both lesions"] | None = None
    decimals: int = 4

    @property
    def heading(self) -> str:
        """The title with its unit, as a table's column reads."""
        return self.title if self.unit == "1" else f"{self.title} ({self.unit})"


_DECLARED = (
    Metric(
        "dsc",
        "DSC",
        "1",
        (0, 1),
        "higher",
        BOTH,
        "Dice 1945; mean over the union of both label sets",
        "labels",
    ),
    Metric("hd95", "HD95", "mm", (0, inf), "lower", BOTH, "Huttenlocher 1993, 95th percentile", "labels", 2),
    Metric(
        "tre",
        "TRE",
        "mm",
        (0, inf),
        "lower",
        BOTH,
        "Fitzpatrick 1998; mean over landmarks, in the moving scan's own space",
        "landmarks",
        2,
    ),
    # A method trained on mutual information would be its own judge: reported because the paper does, never ranked.
    Metric("mi", "MI", "nat", (0, inf), "higher", NONE, "paper eq. 3, 64 hard bins on [0, 1], in the brain"),
    Metric("nmi", "NMI", "1", (1, 2), "higher", NONE, "Studholme 1999, the histogram of `mi`"),
    Metric("ssim", "SSIM", "1", (-1, 1), "higher", MONO, "Wang 2004, 7-voxel window, whole grid"),
    Metric(
        "ssim_brain", "SSIM in brain", "1", (-1, 1), "higher", MONO, "Wang 2004, mean of the map in the brain"
    ),
    Metric("psnr", "PSNR", "dB", (0, inf), "higher", MONO, "data range 1, whole grid", decimals=2),
    Metric(
        "psnr_brain",
        "PSNR in brain",
        "dB",
        (0, inf),
        "higher",
        MONO,
        "data range 1, in the brain",
        decimals=2,
    ),
    Metric(
        "folding", "Folding", "%", (0, 100), "lower", BOTH, "voxels of the brain with det J <= 0", decimals=3
    ),
    # Smoothness is a price, not a merit: identity has none of it.
    Metric("sdlogj", "SD log J", "1", (0, inf), "lower", NONE, "Leow 2007; J clipped at 1e-9, in the brain"),
    Metric(
        "ndv",
        "NDV",
        "%",
        (0, inf),
        "lower",
        BOTH,
        "Liu 2022 (arXiv 2212.06060), share of the brain",
        decimals=3,
    ),
    Metric("error", "Error", "mm", (0, inf), "lower", BOTH, "mean |u - truth| in the brain", "truth", 2),
    Metric(
        "error_border",
        "Border",
        "mm",
        (0, inf),
        "lower",
        BOTH,
        "mean |u - truth| in the brain at voxels beside a label border",
        "truth and labels",
        2,
    ),
    Metric(
        "volume_before", "Before", "ml", (0, inf), "neither", NONE, "label of the first scan", "lesion", 2
    ),
    Metric(
        "volume_carried", "Carried", "ml", (0, inf), "neither", NONE, "brought to the later scan", "lesion", 2
    ),
    Metric(
        "volume_after", "After", "ml", (0, inf), "neither", NONE, "label of the later scan", "both lesions", 2
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _DECLARED}


def expected_metrics(labels: bool, truth: bool, landmarks: bool, lesion: bool = False) -> list[Metric]:
    """The metrics a pair gets, given whether both its scans have labels, both landmarks, whether its truth is known, and
    whether it is of a follow-up whose first scan has labels."""
    have = {None: True, "labels": labels, "truth": truth, "truth and labels": truth and labels}
    have |= {"landmarks": landmarks, "lesion": lesion, "both lesions": lesion and labels}
    return [metric for metric in METRICS.values() if have[metric.needs]]
