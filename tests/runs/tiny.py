"""Tiny prepared pairs, and batches with everything filled in that a test does not care about."""

from pathlib import Path

import numpy as np

from regbench.geometry.grid import Grid
from regbench.geometry.images import write_volume
from regbench.methods.discovery import MethodFile
from regbench.records import read_record
from regbench.runs.batch import run_batch
from regbench.study import LimitSettings

HERE = Path(__file__).parent
GRID = Grid((8, 9, 10), np.diag([-1.0, 2.0, 1.5, 1.0]))
ODD = MethodFile(name="odd", path=HERE / "odd.smk", label="Odd", python="misbehaving:Odd")


def make_pair(folder: Path, moving: str) -> dict:
    """A PAIR record of noise images whose moving subject is called `moving`."""
    rng = np.random.default_rng(0)
    sides = {}
    for side, subject in (("fixed", "F"), ("moving", moving)):
        path = folder / f"{subject}.nii.gz"
        if not path.exists():
            write_volume(path, rng.random(GRID.shape, np.float32), GRID)
        sides[side] = {"subject": subject, "image": str(path), "mask": None}
    return {"pair": f"F__{moving}", "status": "ok", "message": "", "truth": None, **sides}


def run(folder: Path, method: MethodFile, moving: list[str] | list[dict], **changes) -> dict[str, dict]:
    """run_batch on pairs made in `folder`, into its subfolder runs; the records by moving subject."""
    pairs = [make_pair(folder, one) if isinstance(one, str) else one for one in moving]
    limits = LimitSettings(run_seconds=changes.pop("seconds", 60), memory_gb=changes.pop("memory_gb", 4))
    settings = {
        "task": "t", "variant": "default", "repetition": 0, "model_record": None, "folder": folder / "runs",
        "threads": 1, "device": "cpu", "limits": limits, "seed": 0, "code_fingerprint": "c", "timed": False,
        "repetitions": 2,
    }  # fmt: skip
    summary = run_batch(pairs, method, changes.pop("options", {}), **{**settings, **changes})
    records = [read_record(folder / "runs" / f"{name}.json") for name in summary["pairs"]]
    return {record["moving"]: record for record in records}


def run_identity(folder: Path) -> str:
    """The path of a zero field on the pairs' grid."""
    folder.mkdir()
    method = MethodFile("identity", HERE / "i.smk", "I", python="regbench.methods.identity:Identity")
    return run(folder, method, ["good"])["good"]["field"]
