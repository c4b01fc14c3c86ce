"""The reference of a task: the training subject that every other subject is affinely aligned to, and the common grid."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume
from regbench.prepared.failure import guarded, upstream
from regbench.prepared.side import grid_around, keep_native, read_scan, reread_scan
from regbench.records import write_stage_record
from regbench.study import TaskSettings


@dataclass(frozen=True)
class Reference:
    """The reference as a subject's preparation needs it."""

    subject: str
    contrast: str
    volume: Volume  # the native scan, in whose physical space the common grid lies
    grid: Grid


def prepare_reference(data: dict[str, Any], task: TaskSettings, out: Path) -> dict[str, Any]:
    """Decide the task's common grid around the reference subject's brain; write the record `out` and return it.

    data: the reference subject's data record. The grid lies along the LPS axes of the reference's own space, centred
    on the box of its mask. Images that aligning needs are written beside `out`. A failure ends as a record with
    status `error`, or `skipped` where the data failed; every subject of the task is then skipped.
    """

    def make() -> dict[str, Any]:
        scan = read_scan(data, task.fixed, task.prepare)
        scan, mask = keep_native(scan, out.with_name(f"reference_{task.fixed}"), task.prepare.n4)
        grid = grid_around(scan.volume, task.grid)
        return {
            "contrast": task.fixed,
            "original": str(scan.volume.path),
            "original_mask": mask,
            "normalisation": scan.normalisation,
            "grid": {"shape": grid.shape, "affine": grid.affine.tolist()},
        }

    record = {"subject": data["subject"], **(upstream(data) or guarded(f"reference {data['subject']}", make))}
    return write_stage_record(out, record)


def load_reference(record: dict[str, Any]) -> Reference:
    """The reference of a record that `prepare_reference` wrote with status ok."""
    grid = Grid(record["grid"]["shape"], np.array(record["grid"]["affine"]))
    return Reference(record["subject"], record["contrast"], reread_scan(record).volume, grid)
