"""Every discovered method uses the threads that it is given, and no more."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regbench.geometry.grid import Grid
from regbench.geometry.images import write_volume
from regbench.records import read_record
from regbench.runs.batch import run_batch
from regbench.runs.environments import beside
from regbench.study import LimitSettings
from tests.methods import blobs
from tests.methods.test_contract import METHODS, skip_unless_it_can_run, trained

TIMED = {name: method for name, method in METHODS.items() if method.timed and not method.control}
SPACING = np.diag([-1.0, 1.0, 1.0])
SMALL, LARGE = (24, 28, 20), (48, 52, 44)  # of 1 mm; in the large one threads are worth their while
SHORT = {
    "bspline": {"MaximumNumberOfIterations": 20},
    "convexadam": {"selected_niter": 20},
    "demons": {"iterations": [20, 10, 5]},
    "dmi_fast_io": {"levels": [[2, 10, "global", 1.5], [1, 5, "local", 1.0]]},
    "dmi_io": {"levels": [[2, 10, "global", 1.5], [1, 5, "local", 1.0]]},
    "fireants": {"iterations": [20, 10, 5]},
    "fireants_mi": {"iterations": [20, 10, 5]},
    "syn_cc": {"iterations": [20, 10, 5, 2]},
}

SHORT_LIVED = {"demons"}  # its threads end with each of its steps, before anybody can count them


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> dict[tuple, dict]:
    """A pair on each grid, by shape and modality."""
    folder = tmp_path_factory.mktemp("pairs")
    return {
        (shape, modality): _pair(folder, shape, modality)
        for shape in (SMALL, LARGE)
        for modality in ("mono", "multi")
    }


@pytest.fixture(scope="module")
def models(pairs, tmp_path_factory):
    """Records of trainings of one step, each done once."""
    made: dict[tuple[str, str], dict] = {}

    def record(name: str, options: dict, modality: str) -> dict:
        key = (METHODS[name].model_of or name, modality)
        if key not in made:
            folder = tmp_path_factory.mktemp("model")
            made[key] = trained(name, options, pairs[SMALL, modality], folder)
        return made[key]

    return record


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", TIMED)
def test_a_method_keeps_as_many_threads_busy_as_it_is_given(name, threads, pairs, models, tmp_path):
    method = TIMED[name]
    skip_unless_it_can_run(method)
    if method.python is None or method.requires:
        pytest.skip(f"{name} computes nothing in Python by itself")
    modality = method.modalities[0]
    options = {**method.options, **SHORT.get(name, {})}
    venv = method.venv and str(beside(method, method.venv))
    wrapped = replace(method, path=Path(__file__), python="measured:Measured", needs_truth=False, venv=venv)
    run_batch(
        [pairs[LARGE, modality]], wrapped, {"method": method.python, "options": options},
        task="threads", variant="default", repetition=0,
        model_record=models(name, options, modality) if method.learned else None,
        folder=tmp_path / "runs", threads=threads, device="cpu",
        limits=LimitSettings(run_seconds=300, memory_gb=8), seed=0, code_fingerprint="test", timed=True, repetitions=1,
    )  # fmt: skip
    record = read_record(tmp_path / "runs" / f"{modality}-fixed__{modality}-moving.json")
    assert record["status"] == "ok", record["log_tail"]
    busy, sharing = map(float, record["log_tail"][-1].split())  # of the steady call
    assert busy < {1: 1.2, 2: 2.75}[threads]
    assert sharing >= threads or name in SHORT_LIVED


def _pair(folder: Path, shape: tuple[int, int, int], modality: str) -> dict:
    affine = np.eye(4)
    affine[:3, :3] = SPACING
    affine[:3, 3] = [4.0, -7.0, 11.0] - SPACING @ (np.array(shape) - 1) / 2
    grid = Grid(shape, affine)
    multi = modality == "multi"
    sides = {}
    for side, volume in zip(
        ("fixed", "moving"), blobs.pair(grid, np.array([1.0, -1.0, 0.5]), multi), strict=True
    ):
        path = folder / f"{modality}_{side}_{shape[0]}.nii.gz"
        write_volume(path, volume.data, grid)
        contrast = "T2w" if multi and side == "moving" else "T1w"
        sides[side] = {
            "subject": f"{modality}-{side}",
            "contrast": contrast,
            "image": str(path),
            "mask": None,
        }
    return {
        "pair": f"{modality}-fixed__{modality}-moving",
        "status": "ok",
        "message": "",
        "truth": None,
        **sides,
    }
