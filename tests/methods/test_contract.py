"""Every discovered method, on tiny pairs, through the runner: a method that keeps the contract ends as ok.

A learned method is given an untrained model by its `UNTRAINED` entry; without one it is skipped with a reason.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from regbench.geometry.fields import read_field, write_field
from regbench.geometry.images import write_volume
from regbench.methods.discovery import MethodFile, discover
from regbench.records import read_record
from regbench.runs.batch import run_batch
from regbench.study import LimitSettings
from tests.methods import blobs

METHODS = discover([Path(__file__).resolve().parents[2] / "workflow" / "methods"])
SHIFT = np.array([2.0, -1.5, 1.0])
UNTRAINED: dict[
    str, Callable[[MethodFile, Path], Path]
] = {}  # writes a model file for the method into a folder
FEWER = {"bspline": {"MaximumNumberOfIterations": 20}}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> list[dict]:
    """A mono- and a multi-modal pair on an oblique grid, with masks and truth, and precomputed fields of both."""
    folder = tmp_path_factory.mktemp("pairs")
    grid = blobs.grids()["oblique"]
    truth = np.broadcast_to(SHIFT.reshape(3, 1, 1, 1), (3, *grid.shape))
    made = []
    for name, invert in (("mono", False), ("multi", True)):
        sides = {}
        for side, volume in zip(("fixed", "moving"), blobs.pair(grid, SHIFT, invert), strict=True):
            subject = f"{name}-{side}"
            paths = {kind: str(folder / f"{subject}_{kind}.nii.gz") for kind in ("image", "mask")}
            write_volume(paths["image"], volume.data, grid)
            write_volume(paths["mask"], volume.data > 0.05, grid)
            sides[side] = {"subject": subject, **paths}
        path = folder / f"{name}-fixed__{name}-moving.nii.gz"
        write_field(path, truth, grid)
        made.append(
            {
                "pair": path.name.removesuffix(".nii.gz"),
                "status": "ok",
                "message": "",
                "truth": str(path),
                **sides,
            }
        )
    return made


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_the_contract(name, pairs, tmp_path):
    method = METHODS[name]
    options = {**method.options, **FEWER.get(name, {})}
    if "fields" in method.requires:
        options["fields"] = str(Path(pairs[0]["truth"]).parent / "{fixed}__{moving}.nii.gz")
    model = None
    if method.trains:
        if name not in UNTRAINED:
            pytest.skip(f"{name} needs a trained model; its own tests train one")
        model = {"status": "ok", "message": "", "model": str(UNTRAINED[name](method, tmp_path))}
    able = [pair for pair in pairs if pair["pair"].partition("-")[0] in method.modalities]
    run_batch(
        able, method, options, task="contract", variant="default", repetition=0, model_record=model,
        folder=tmp_path / "runs", threads=2, device="cpu", limits=LimitSettings(run_seconds=120, memory_gb=8), seed=0,
        code_fingerprint="test", timed=False, repetitions=1,
    )  # fmt: skip
    for pair in able:
        record = read_record(tmp_path / "runs" / f"{pair['pair']}.json")
        assert record["status"] == "ok", record["log_tail"]
        field, grid = read_field(record["field"])
        assert grid.same_as(blobs.grids()["oblique"])
        if name in ("truth", "precomputed"):
            assert np.allclose(field, SHIFT.reshape(3, 1, 1, 1), atol=1e-4)
