"""One pair, from two raw scans to a field on the native fixed grid: the stages of a study, in one go.

Fixed and moving scan are masked and normalised, the moving one is aligned affinely (`prepared`), the method registers
them on a working grid (`runs`), and its displacement is composed with the affine.
"""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from regbench.geometry.fields import compose_affine, read_field
from regbench.geometry.grid import Grid, apply_affine, centred_grid
from regbench.geometry.images import Volume, read_volume
from regbench.geometry.sampling import sample_volume
from regbench.methods.discovery import MethodFile
from regbench.models.files import ModelFacts, load_model
from regbench.prepared.affine import register_affine
from regbench.prepared.intensity import normalise, percentile_range
from regbench.prepared.mask import for_alignment, read_mask, threshold_mask
from regbench.prepared.side import Scan, write_side
from regbench.progress import Waiting
from regbench.records import read_record
from regbench.runs.batch import run_batch
from regbench.scores.deformation import folding
from regbench.scores.similarity import mutual_information
from regbench.study import AffineSettings, LimitSettings, PrepareSettings

FINEST = 1.0  # mm between voxels of the working grid, unless another spacing is asked for
MARGIN = 10.0  # mm of the working grid around the fixed foreground, and around a mask that both images are cut with
MULTIPLE = 8  # of voxels along each axis of the working grid


class MethodFailed(Exception):
    """The method did not give a field; the message holds its last words and names the log."""


@dataclass(frozen=True)
class Request:
    """What is to be registered, with what. `mask` and `moving_mask` are files; `spacing` is the working grid's, mm."""

    fixed: Path
    moving: Path
    method: MethodFile
    options: dict[str, Any]
    log: Path
    mask: Path | None = None
    moving_mask: Path | None = None
    model: Path | None = None
    affine: bool = True
    spacing: float | None = None
    device: str = "cpu"
    threads: int = 1
    limits: LimitSettings = field(default_factory=LimitSettings)


@dataclass(frozen=True)
class Registered:
    """The field (3, D, H, W) float32 LPS mm on the native fixed `grid`, affine included, and what is to be told of it."""

    field: np.ndarray
    grid: Grid
    summary: dict[str, float]


def register(request: Request) -> Registered:
    """Register two raw scans.

    Raises FileNotFoundError or ValueError naming the file that cannot be used, MethodFailed when the method fails.
    """
    facts = _facts(request)
    scans = _scans(request)
    working = _working_grid(scans[0].volume, request, facts)
    matrix = np.eye(4)
    with tempfile.TemporaryDirectory() as folder:
        if request.affine:
            with Waiting("affine alignment"):
                fixed, moving = (_for_affine(scan.volume, request) for scan in scans)
                matrix, _ = register_affine(fixed, moving, AffineSettings())
        pair = _pair(scans, working, matrix, Path(folder), request, facts)
        with Waiting(f"{request.method.label} on {' x '.join(map(str, working.shape))} voxels"):
            record = _run(pair, request, Path(folder))
        u, _ = read_field(record["field"])
        summary = _summary(pair, scans[1], u, working)
        summary |= {name: float(seconds) for name, seconds in record["phases"].items()}
    native = scans[0].volume.grid
    return Registered(compose_affine(u, working, native, after=matrix), native, summary)


def _facts(request: Request) -> ModelFacts | None:
    """Of the model that a learned method runs with."""
    name = request.method.name
    if not request.method.learned:
        if request.model is not None:
            raise ValueError(f"{request.model}: method {name} does not run with a model; leave out --model")
        return None
    if request.model is None:
        raise ValueError(
            f"method {name} needs a trained model: give --model FILE "
            "(a study writes results/STUDY/models/TASK/METHOD/VARIANT/rR/model.pt)"
        )
    return load_model(request.model)[1]


def _scans(request: Request) -> tuple[Scan, Scan]:
    """Fixed and moving, each with its mask (the one given, else its foreground) and intensity range."""
    return _scan(request.fixed, request.mask), _scan(request.moving, request.moving_mask)


def _scan(path: Path, mask: Path | None) -> Scan:
    volume = read_volume(path)
    if volume.grid.sheared:
        raise ValueError(
            f"{path}: its axes are not at right angles, which ITK images cannot express; resample it"
        )
    volume.mask = (
        read_mask(str(mask), volume.grid) if mask else threshold_mask(volume.data, volume.grid.spacing)
    )
    if not volume.mask.any():
        raise ValueError(f"{mask or path}: the mask is empty on the grid of {path}")
    try:
        return Scan(volume, percentile_range(volume.data, volume.mask, PrepareSettings().percentiles))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _for_affine(volume: Volume, request: Request) -> Volume:
    """With its mask where both scans' were given, or neither's: a brain and a whole head have no outline in common."""
    given = [mask is not None for mask in (request.mask, request.moving_mask)]
    if all(given):
        return volume
    return replace(volume, mask=None) if any(given) else for_alignment(volume, PrepareSettings())


def _working_grid(fixed: Volume, request: Request, facts: ModelFacts | None) -> Grid:
    """Along the LPS axes, around the fixed foreground; a learned method's is that of its training."""
    assert fixed.mask is not None
    points = fixed.grid.to_points(np.argwhere(fixed.mask).T)
    low, high = points.min(axis=1), points.max(axis=1)
    if facts is None:
        mm = request.spacing or max(FINEST, float(fixed.grid.spacing.min()))
        a, b, c = (MULTIPLE * int(n) for n in np.ceil((high - low + 2 * MARGIN) / mm / MULTIPLE))
        return centred_grid((a, b, c), (mm, mm, mm), (low + high) / 2)
    if request.spacing is not None:
        raise ValueError(
            f"--spacing: {request.model} works at {_mm(facts.spacing)} mm, as it was trained; leave it out"
        )
    room = np.array(facts.shape) * facts.spacing
    if (high - low > room).any():
        raise ValueError(
            f"{fixed.path}: its foreground takes {_mm(high - low)} mm, the model {request.model} sees {_mm(room)} mm; "
            "give a brain mask (--mask), or train a model on a larger grid"
        )
    return centred_grid(facts.shape, facts.spacing, (low + high) / 2)


def _mm(lengths: Any) -> str:
    return " x ".join(f"{length:.4g}" for length in lengths)


def _pair(
    scans: tuple[Scan, Scan],
    grid: Grid,
    matrix: np.ndarray,
    folder: Path,
    request: Request,
    facts: ModelFacts | None,
) -> dict[str, Any]:
    """The PAIR record of both scans on the working grid. A mask of the fixed scan alone cuts out both."""
    if request.mask is not None and request.moving_mask is None:
        scans = scans[0], _cut(scans[1], scans[0].volume, matrix)
    contrasts = facts.contrasts if facts else ("fixed", "moving")
    sides = {
        side: write_side(
            scan, grid, to_original, folder / side, None, {"subject": side, "contrast": contrast}
        )
        for side, scan, to_original, contrast in zip(
            ("fixed", "moving"), scans, (np.eye(4), matrix), contrasts, strict=True
        )
    }
    return {"pair": "fixed__moving", "status": "ok", "message": "", "truth": None, **sides}


def _cut(moving: Scan, fixed: Volume, matrix: np.ndarray) -> Scan:
    """The moving scan with the fixed one's mask, widened and carried over by the affine, and its range in there."""
    assert fixed.mask is not None
    distance: Any = ndimage.distance_transform_edt(~fixed.mask, sampling=fixed.grid.spacing)
    volume = moving.volume
    points = apply_affine(np.linalg.inv(matrix), volume.grid.points())
    wide = sample_volume((distance <= MARGIN).astype(np.uint8), fixed.grid, points, order=0) > 0
    if not wide.any():
        raise ValueError(
            f"{volume.path}: lies wholly outside the mask of {fixed.path} after affine alignment"
        )
    cut = replace(volume, mask=wide)
    return Scan(cut, percentile_range(cut.data, wide, PrepareSettings().percentiles))


def _run(pair: dict[str, Any], request: Request, folder: Path) -> dict[str, Any]:
    out = folder / "run"
    model = {"status": "ok", "model": str(request.model)} if request.model else None
    run_batch(
        [pair], request.method, request.options, task="register", variant="default", repetition=0,
        model_record=model, folder=out, threads=request.threads, device=request.device, limits=request.limits,
        seed=0, code_fingerprint="register", timed=False, repetitions=1, log=request.log,
    )  # fmt: skip
    record = read_record(out / "fixed__moving.json")
    if record["status"] != "ok":
        last = "\n".join(record.get("log_tail") or [])
        raise MethodFailed(
            f"method {request.method.name} ended as {record['status']}: {record['message']}\n{last}\nits log is {request.log}"
        )
    return record


def _summary(pair: dict[str, Any], moving: Scan, u: np.ndarray, grid: Grid) -> dict[str, float]:
    """Similarity in the fixed foreground before and after the deformation, and how the field folds there."""
    fixed, before = (read_volume(pair[side]["image"]).data for side in ("fixed", "moving"))
    inside = read_volume(pair["fixed"]["mask"]).data > 0
    points = apply_affine(np.array(pair["moving"]["to_original"]), grid.points() + u)
    volume = moving.volume
    after = normalise(sample_volume(volume.data, volume.grid, points, order=1), moving.normalisation)
    folded, _ = folding(u, grid, inside)
    return {
        "mi_before": mutual_information(fixed[inside], before[inside])[0],
        "mi_after": mutual_information(fixed[inside], after[inside])[0],
        "folding": folded,
        "largest": float(np.linalg.norm(u[:, inside], axis=0).max()),
    }
