"""Every discovered method, on tiny pairs, through the runner: a method that keeps the contract ends as ok.

A learned method is trained for one step first, so that it has a model to register with.
"""

import math
from pathlib import Path

import numpy as np
import pytest

from regbench.check.environments import environment_problem
from regbench.check.methods import installed
from regbench.geometry.fields import read_field, write_field
from regbench.geometry.images import write_volume
from regbench.methods.contract import load_method
from regbench.methods.discovery import MethodFile, discover
from regbench.records import read_record
from regbench.runs.batch import run_batch
from regbench.study import LimitSettings
from tests.methods import blobs

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
METHODS = discover([WORKFLOW / "methods", WORKFLOW / "peers"])
SHIFT = np.array([2.0, -1.5, 1.0])
FEWER = {"bspline": {"MaximumNumberOfIterations": 20}}
FEWER |= {name: {"iterations": [10, 5, 2]} for name in ("fireants", "fireants_mi")}
CASES = [(name, modality) for name, method in METHODS.items() for modality in method.modalities]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> dict[str, dict]:
    """A mono- and a multi-modal pair, with masks and truth, and precomputed fields of both."""
    folder = tmp_path_factory.mktemp("pairs")
    grid = blobs.grids()["las"]
    truth = np.broadcast_to(SHIFT.reshape(3, 1, 1, 1), (3, *grid.shape))
    made = {}
    for modality, invert in (("mono", False), ("multi", True)):
        sides = {}
        for side, volume in zip(("fixed", "moving"), blobs.pair(grid, SHIFT, invert), strict=True):
            subject = f"{modality}-{side}"
            paths = {kind: str(folder / f"{subject}_{kind}.nii.gz") for kind in ("image", "mask")}
            write_volume(paths["image"], volume.data, grid)
            write_volume(paths["mask"], volume.data > 0.05, grid)
            contrast = "T2w" if invert and side == "moving" else "T1w"
            sides[side] = {"subject": subject, "contrast": contrast, **paths}
        name = f"{modality}-fixed__{modality}-moving"
        write_field(folder / f"{name}.nii.gz", truth, grid)
        path = str(folder / f"{name}.nii.gz")
        made[modality] = {"pair": name, "status": "ok", "message": "", "truth": path, **sides}
    return made


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_every_method_keeps_the_contract(name, modality, pairs, tmp_path):
    method, pair = METHODS[name], pairs[modality]
    skip_unless_it_can_run(method)
    options = {**method.options, **FEWER.get(name, {})}
    if "fields" in method.requires:
        options["fields"] = str(Path(pair["truth"]).parent / "{fixed}__{moving}.nii.gz")
    run_batch(
        [pair], method, options, task="contract", variant="default", repetition=0,
        model_record=trained(name, options, pair, tmp_path / "model") if method.learned else None,
        folder=tmp_path / "runs", threads=2, device="cpu", limits=LimitSettings(run_seconds=120, memory_gb=8), seed=0,
        code_fingerprint="test", timed=False, repetitions=1,
    )  # fmt: skip
    record = read_record(tmp_path / "runs" / f"{pair['pair']}.json")
    assert record["status"] == "ok", record["log_tail"]
    field, grid = read_field(record["field"])
    assert grid.same_as(blobs.grids()["las"])
    if name in ("truth", "precomputed"):
        assert np.allclose(field, SHIFT.reshape(3, 1, 1, 1), atol=1e-4)


def skip_unless_it_can_run(method: MethodFile) -> None:
    """A method whose packages, or whose own environment, are not there is skipped, and says why."""
    if problem := environment_problem(method):
        pytest.skip(str(problem))
    missing = [package for package in method.packages if not installed(package)]
    if missing and not method.own_environment:
        pytest.skip(f"{method.name} needs {', '.join(missing)}, which is not installed")


def trained(name: str, options: dict, pair: dict, folder: Path) -> dict:
    """The record of a training of one step, of the method itself or of the one whose models it runs with."""
    from regbench.models.training import train_model

    method = METHODS[name]
    if method.model_of:
        method = METHODS[method.model_of]
        options = method.options
    once = {"epochs": None, "steps": 1, "validate_every": 1}
    learned = load_method(method.python or "", {**options, **once})
    train_model(
        learned, [pair], [pair], folder=folder, seed=0, threads=2, device="cpu", limit_seconds=math.inf
    )
    return read_record(folder / "record.json")
