"""One pair, from two raw scans to a field on the native fixed grid: the stages of a study, in one go.

Fixed and moving scan are masked and normalised, the moving one is aligned affinely (`prepared`), the method registers
them on a working grid (`runs`), and its displacement is composed with the affine.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regbench.geometry.fields import compose_affine, read_field
from regbench.geometry.grid import Grid, apply_affine
from regbench.geometry.images import Volume, read_volume
from regbench.geometry.sampling import sample_volume
from regbench.models.files import ModelFacts, load_model
from regbench.prepared.affine import register_affine
from regbench.prepared.side import Scan, shown_at
from regbench.problems import StepFailed
from regbench.progress import Waiting
from regbench.records import read_record
from regbench.register.request import Request
from regbench.register.scans import for_affine, pair_record, read_scans, shown, working_grid
from regbench.runs.batch import run_batch
from regbench.runs.lock import machine_lock
from regbench.scores.deformation import folding
from regbench.scores.similarity import mutual_information
from regbench.study import AffineSettings


@dataclass(frozen=True)
class Registered:
    """The field (3, D, H, W) float32 LPS mm on the native fixed `grid`, affine included, and what is to be told of it."""

    field: np.ndarray
    grid: Grid
    summary: dict[str, float]


def register(request: Request) -> Registered:
    """Register two raw scans.

    Raises FileNotFoundError or ValueError naming the file that cannot be used, StepFailed when the method fails.
    """
    facts = _facts(request)
    scans = read_scans(request)
    working = working_grid(scans[0].volume, request, facts)
    matrix = np.eye(4)
    with tempfile.TemporaryDirectory() as folder:
        if request.affine:
            with Waiting("affine alignment"), machine_lock("shared"):
                fixed, moving = (for_affine(scan.volume, request) for scan in scans)
                matrix, _ = register_affine(fixed, moving, AffineSettings())
        seen = shown(scans, matrix, request, facts)
        pair = pair_record(seen, working, matrix, Path(folder), facts)
        with Waiting(f"{request.method.label} on {' x '.join(map(str, working.shape))} voxels"):
            record = _run(pair, request, Path(folder))
        u, _ = read_field(record["field"])
        summary = _summary(pair, _foreground(scans[0].volume, working), seen[1], u, working)
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
    if request.method.train:
        return None  # what a command's model holds, only its command knows
    facts, expected = load_model(request.model)[1], request.trained_by or request.method.python
    if facts.method != expected:
        raise ValueError(
            f"{request.model}: a model of {facts.method}, method {name} runs with those of {expected}"
        )
    return facts


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
        raise StepFailed(f"method {request.method.name}", record, request.log)
    return record


def _foreground(fixed: Volume, grid: Grid) -> np.ndarray:
    assert fixed.mask is not None
    return sample_volume(fixed.mask.astype(np.uint8), fixed.grid, grid.points(), order=0) > 0


def _summary(
    pair: dict[str, Any], inside: np.ndarray, moving: Scan, u: np.ndarray, grid: Grid
) -> dict[str, float]:
    """Similarity `inside` the fixed foreground before and after the deformation, and how the field folds there."""
    fixed, before = (read_volume(pair[side]["image"]).data for side in ("fixed", "moving"))
    after, _ = shown_at(moving, apply_affine(np.array(pair["moving"]["to_original"]), grid.points() + u))
    folded, _ = folding(u, grid, inside)
    return {
        "mi_before": mutual_information(fixed[inside], before[inside])[0],
        "mi_after": mutual_information(fixed[inside], after[inside])[0],
        "folding": folded,
        "largest": float(np.linalg.norm(u[:, inside], axis=0).max()),
    }
