"""Score one run: the original moving scan is sampled exactly once, where the field and the affine lead (DESIGN.md)."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from regbench.geometry.fields import read_field
from regbench.geometry.grid import apply_affine
from regbench.geometry.images import Volume, read_volume
from regbench.geometry.sampling import sample, sample_volume
from regbench.prepared.intensity import normalise
from regbench.prepared.landmarks import landmark_pairs
from regbench.scores.deformation import folding, non_diffeomorphic_volume
from regbench.scores.landmarks import target_registration_error
from regbench.scores.metrics import Metric, expected_metrics
from regbench.scores.overlap import dice, mean_over_labels
from regbench.scores.similarity import mutual_information, psnr, ssim
from regbench.scores.surface import hd95, label_borders
from regbench.scores.truth import field_error
from regbench.scores.volumes import label_volumes
from regbench.study import ScoreSettings

COLUMNS = [
    "task",
    "fixed",
    "moving",
    "method",
    "variant",
    "repetition",
    "status",
    "metric",
    "label",
    "value",
    "unit",
]
Value = float | dict[int, float]  # a dict holds one value a label
Row = dict[str, Any]


@dataclass(frozen=True)
class Fixed:
    """What all pairs with one fixed scan share, on the prepared fixed grid."""

    image: Volume  # prepared, in [0, 1]
    brain: np.ndarray  # (D, H, W) bool
    labels: np.ndarray | None  # the original labels, sampled once (nearest)


@dataclass
class Session:
    """Files that the pairs of a batch share are read once; `threads` is for the surface distances."""

    settings: ScoreSettings
    threads: int = 1

    def __post_init__(self) -> None:
        self.read = lru_cache(maxsize=8)(read_volume)
        self._fixed: tuple[Row, Fixed] | None = None

    def fixed(self, side: Row) -> Fixed:
        """The fixed scan of a prepared SIDE record; the last one is kept."""
        if self._fixed is None or self._fixed[0] != side:
            self._fixed = None  # before the next is read: a fixed side of 5 million voxels takes 60 MB
            self._fixed = (side, self._read_fixed(side))
        return self._fixed[1]

    def _read_fixed(self, side: Row) -> Fixed:
        image = read_volume(side["image"])
        brain = read_volume(side["mask"], np.uint8).data > 0 if side["mask"] else image.data > 0
        if not brain.any():
            raise ValueError(f"{side['mask'] or side['image']}: the brain is empty, nothing can be scored")
        labels = None
        if side["labels"]:
            labels = _sample_original(self.read(side["labels"], np.int32), side, image.grid.points(), order=0)
        return Fixed(image, brain, labels)


def expected_for(pair: Row) -> list[Metric]:
    """The metrics that a run on this PAIR record gets. A pair whose preparation failed may name no sides: all."""
    sides = [pair.get("fixed"), pair.get("moving")]
    if not all(sides):
        return expected_metrics(labels=True, truth=True, landmarks=True, lesion=bool(pair.get("followup")))
    both = {name: all(side.get(name) for side in sides if side) for name in ("labels", "landmarks")}
    lesion = bool(pair.get("followup") and pair["moving"]["labels"])
    return expected_metrics(**both, truth=bool(pair.get("truth")), lesion=lesion)


def score_pair(pair: Row, run: Row, settings: ScoreSettings, session: Session | None = None) -> list[Row]:
    """All metrics of one run: rows of scores.csv, with one more row per label for dsc and hd95.

    pair, run: PAIR and run records. A run whose status is not ok gives a row for each metric with that status and
    no value, so that it is counted. Raises ValueError or OSError when files do not fit together or cannot be read.
    """
    if run["status"] != "ok":
        return unscored(pair, run, run["status"])
    session = session or Session(settings)
    values = _measure(pair, run["field"], session)
    return [row for metric in expected_for(pair) for row in _rows(run, metric, values[metric.name])]


def unscored(pair: Row, run: Row, status: str) -> list[Row]:
    """A row for each metric of a run that has no scores, with its status and no value."""
    return [_row(run, status, metric, None, None) for metric in expected_for(pair)]


def _measure(pair: Row, path: str, session: Session) -> dict[str, Value]:
    fixed, moving = session.fixed(pair["fixed"]), pair["moving"]
    grid = fixed.image.grid
    u, field_grid = read_field(path)
    if not field_grid.same_as(grid):
        raise ValueError(f"{path}: not on the prepared fixed grid: {field_grid.differences(grid)}")
    points = grid.points() + u
    values: dict[str, Value] = {**_similarity(fixed, warp_image(moving, points, session))}
    values["folding"], values["sdlogj"] = folding(u, grid, fixed.brain)
    values["ndv"] = non_diffeomorphic_volume(u, grid, fixed.brain)
    warped = warp_labels(moving, points, session) if moving["labels"] else None
    if fixed.labels is not None and warped is not None:
        values["dsc"] = dice(fixed.labels, warped)
        values["hd95"] = hd95(fixed.labels, warped, grid.spacing, session.threads)
    if pair.get("followup") and warped is not None:
        values |= _volumes(pair, Volume(warped, grid), session)
    if landmarks := landmark_pairs(pair["fixed"], moving):
        values["tre"] = target_registration_error(*landmarks, u, grid, np.array(moving["to_original"]))
    if pair.get("truth"):
        values |= _truth(pair["truth"], u, fixed)
    return values


def _similarity(fixed: Fixed, warped: np.ndarray) -> dict[str, float]:
    image, brain = fixed.image.data, fixed.brain
    mi, nmi = mutual_information(image[brain], warped[brain])
    whole, inside = ssim(image, warped, brain)
    return {
        "mi": mi,
        "nmi": nmi,
        "ssim": whole,
        "ssim_brain": inside,
        "psnr": psnr(image, warped),
        "psnr_brain": psnr(image[brain], warped[brain]),
    }


def _volumes(pair: Row, warped: Volume, session: Session) -> dict[str, Value]:
    """How large the lesions are in either scan, as they were drawn there, and as the baseline's arrive."""
    fixed, moving = pair["fixed"], pair["moving"]
    found = {"volume_before": label_volumes(session.read(moving["labels"], np.int32))}
    found["volume_carried"] = label_volumes(warped, np.array(fixed["to_original"]))
    if fixed["labels"]:
        found["volume_after"] = label_volumes(session.read(fixed["labels"], np.int32))
    drawn = sorted(found["volume_before"] | found.get("volume_after", {}))
    return {name: {label: ml.get(label, 0.0) for label in drawn} for name, ml in found.items()}


def _truth(path: str, u: np.ndarray, fixed: Fixed) -> dict[str, Value]:
    truth, _ = read_field(path)
    values: dict[str, Value] = {"error": field_error(u, truth, fixed.brain)}
    if fixed.labels is not None:
        values["error_border"] = field_error(u, truth, fixed.brain & label_borders(fixed.labels))
    return values


def warp_image(side: Row, points: np.ndarray, session: Session) -> np.ndarray:
    """The original moving image at prepared-space `points`, as preparation would show it: in [0, 1], masked."""
    volume = session.read(side["original"], np.float32)
    image = normalise(_sample_original(volume, side, points, order=1), side["normalisation"])
    if side["mask"]:
        mask = session.read(side["original_mask"], np.uint8)
        image[_sample_original(mask, side, points, order=0) == 0] = 0
    return image


def warp_labels(side: Row, points: np.ndarray, session: Session) -> np.ndarray:
    labels = session.read(side["labels"], np.int32)
    if session.settings.label_path == "once":
        return _sample_original(labels, side, points, order=0)
    grid = session.read(side["image"], np.float32).grid
    return sample_volume(_sample_original(labels, side, grid.points(), order=0), grid, points, order=0)


def _sample_original(volume: Volume, side: Row, points: np.ndarray, order: int) -> np.ndarray:
    """An original volume at points of prepared space, LPS mm (3, ...): both affines in one step."""
    to_index = np.linalg.inv(volume.grid.affine) @ np.asarray(side["to_original"], float)
    return sample(volume.data, apply_affine(to_index, points), order)


def _rows(run: Row, metric: Metric, value: Value) -> Iterable[Row]:
    if not isinstance(value, dict):
        yield _row(run, "ok", metric, None, value)
        return
    yield _row(run, "ok", metric, None, mean_over_labels(value))
    for label, one in value.items():
        yield _row(run, "ok", metric, label, one)


def _row(run: Row, status: str, metric: Metric, label: int | None, value: float | None) -> Row:
    known = value is not None and not np.isnan(value)
    return {
        **{name: run[name] for name in COLUMNS[:6]},
        "status": status,
        "metric": metric.name,
        "label": "" if label is None else label,
        "value": f"{value:.7g}" if known else "",
        "unit": metric.unit,
    }
