"""Preparation of pairs: who meets whom, the affine of each pair in mode `pairwise`, and the true displacement."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from regbench.geometry.fields import write_field
from regbench.geometry.images import read_grid
from regbench.prepared.affine import register_affine
from regbench.prepared.failure import guarded, upstream
from regbench.prepared.landmarks import landmark_pairs
from regbench.prepared.mask import for_alignment
from regbench.prepared.side import reread_scan, write_side
from regbench.prepared.truth import true_field, true_maps
from regbench.progress import Progress
from regbench.records import write_stage_record
from regbench.study import TaskSettings

Record = dict[str, Any]
log = logging.getLogger(__name__)


def prepare_pairs(
    pairs: list[tuple[str, str]],
    subjects: dict[str, Record],
    sources: dict[str, Record],
    task: TaskSettings,
    out: Path,
    truth: bool,
) -> Record:
    """Prepare (fixed, moving) pairs of subject names; write the record `out`, with images and fields beside it.

    subjects: prepared-subject records by name. sources: data records by name. truth: whether true fields are
    written, where both subjects' maps to their template are known. A pair that fails has status `error`, one with a
    failed subject `skipped`; one whose landmarks cannot be used goes without, and its message says why.
    """
    progress = Progress(f"pairs {out.stem}", len(pairs), "pair")
    done = []
    for fixed, moving in pairs:
        done.append(_pair(subjects[fixed], subjects[moving], sources, task, out.parent, truth))
        progress.step(len(done))
    record = {"pairs": done}
    return write_stage_record(out, record)


def _pair(
    fixed: Record, moving: Record, sources: dict[str, Record], task: TaskSettings, folder: Path, truth: bool
) -> Record:
    name = f"{fixed['subject']}__{moving['subject']}"
    record: Record = {"pair": name, "fixed": None, "moving": None, "truth": None}
    record["followup"] = task.pairing == "followup"

    def make() -> Record:
        sides = {"fixed": fixed["sides"][task.fixed], "moving": moving["sides"][task.moving]}
        if task.prepare.affine.mode != "reference":
            sides["moving"] = _moved(sides["fixed"], sides["moving"], task, folder / f"{name}_moving")
        sides, message = _with_usable_landmarks(sides, name)
        path = _write_truth(sides, sources, folder / f"{name}_truth.nii.gz") if truth else None
        return {**sides, "truth": path, "message": message}

    return record | (upstream(fixed, moving) or guarded(f"pair {name}", make))


def _with_usable_landmarks(sides: dict[str, Record], pair: str) -> tuple[dict[str, Record], str]:
    """The sides, without landmarks where no error can be measured with them, and a message that says why.

    Landmarks of one person's images need not match another's: the pair is as good as one that has none.
    """
    try:
        landmark_pairs(**sides)
    except ValueError as error:
        message = f"landmarks left out, no TRE: {error}"
        log.warning("pair %s: %s", pair, message)
        return {name: {**side, "landmarks": None} for name, side in sides.items()}, message
    return sides, ""


def _moved(fixed: Record, moving: Record, task: TaskSettings, stem: Path) -> Record:
    """The moving side of one pair: aligned to the fixed scan (mode `pairwise`), resampled onto the fixed grid."""
    scan, matrix, information = reread_scan(moving), np.eye(4), None
    if task.prepare.affine.mode == "pairwise":
        target, seen = (for_alignment(each.volume, task.prepare) for each in (reread_scan(fixed), scan))
        matrix, information = register_affine(target, seen, task.prepare.affine)
    who = {name: moving[name] for name in ("subject", "contrast", "landmarks")}
    side = write_side(scan, read_grid(fixed["image"]), matrix, stem, moving["labels"], who)
    return {**side, "original_mask": moving["original_mask"], "affine_information": information}


def _write_truth(sides: dict[str, Record], sources: dict[str, Record], path: Path) -> str | None:
    fixed, moving = sides["fixed"], sides["moving"]
    maps = true_maps(
        sources[fixed["subject"]], sources[moving["subject"]], fixed["contrast"], moving["contrast"]
    )
    if maps is None:
        return None
    grid = read_grid(fixed["image"])
    u = true_field(maps, grid, np.array(fixed["to_original"]), np.array(moving["to_original"]))
    write_field(path, u, grid)
    return str(path)
