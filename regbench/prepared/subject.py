"""Preparation of one subject: every contrast that the task needs, on the task's grid."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from regbench.geometry.grid import Grid
from regbench.geometry.images import read_volume
from regbench.prepared.affine import register_affine
from regbench.prepared.failure import guarded, upstream
from regbench.prepared.mask import for_alignment
from regbench.prepared.reference import Reference, load_reference
from regbench.prepared.side import Scan, grid_around, keep_native, read_scan, write_side
from regbench.records import write_stage_record
from regbench.study import TaskSettings

log = logging.getLogger(__name__)


def prepare_subject(
    data: dict[str, Any], task: TaskSettings, reference: dict[str, Any] | None, out: Path
) -> dict[str, Any]:
    """Prepare every contrast that the task needs of a subject; write the record `out` and images beside it.

    data: the subject's data record. reference: the record of `prepare_reference` in affine mode `reference`: each
    image is aligned to it and resampled onto the common grid. Without it, the grid lies around the subject's own
    brain, in its own space. A failure ends as a record with status `error`, or `skipped` where an input failed.
    """
    record: dict[str, Any] = {"subject": data["subject"], "sides": {}}
    needed = [data] if reference is None else [data, reference]
    record |= upstream(*needed) or guarded(
        f"subject {data['subject']}", lambda: {"sides": _sides(data, task, reference, out)}
    )
    return write_stage_record(out, record)


def _sides(
    data: dict[str, Any], task: TaskSettings, reference: dict[str, Any] | None, out: Path
) -> dict[str, Any]:
    if data.get("labels"):
        read_volume(data["labels"], dtype=np.int32)  # unusable labels fail here, once, not in every score
    target = load_reference(reference) if reference else None
    sides = {}
    for contrast in dict.fromkeys([task.fixed, task.moving]):
        log.info("%s %s: reading and aligning", data["subject"], contrast)
        stem = out.with_name(f"{out.stem}_{contrast}")
        landmarks = data.get("landmarks", {}).get(contrast)
        who = {"subject": data["subject"], "contrast": contrast, "landmarks": landmarks}
        scan, mask = keep_native(read_scan(data, contrast, task.prepare), stem, task.prepare.n4)
        grid, matrix, information = _place(scan, who, task, target)
        side = write_side(scan, grid, matrix, stem, data.get("labels"), who)
        sides[contrast] = {**side, "original_mask": mask, "affine_information": information}
    return sides


def _place(
    scan: Scan, who: dict[str, Any], task: TaskSettings, target: Reference | None
) -> tuple[Grid, np.ndarray, float | None]:
    """The prepared grid, the matrix to the original space, and the mutual information of an alignment (nats)."""
    if target is None:
        return grid_around(scan.volume, task.grid), np.eye(4), None
    if (target.subject, target.contrast) == (who["subject"], who["contrast"]):
        return target.grid, np.eye(4), None
    fixed, moving = (for_alignment(volume, task.prepare) for volume in (target.volume, scan.volume))
    return target.grid, *register_affine(fixed, moving, task.prepare.affine)
