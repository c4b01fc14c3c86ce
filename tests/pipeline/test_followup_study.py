"""The study of two real visits, raw and 3 to 4 mm thick, cut down to minutes."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from regbench.data.followup import affine_of
from regbench.geometry.grid import apply_affine
from regbench.geometry.images import read_volume
from tests.pipeline.conftest import ROOT, Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.shared, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def visits(shared_data, tmp_path_factory) -> Pipeline:
    root = shared_data / "open_ms_followup"
    if not root.is_dir():
        pytest.skip(f"needs {root}")
    study = yaml.safe_load((ROOT / "tests" / "studies" / "open_ms_followup.yaml").read_text())
    study["datasets"]["visits"] |= {
        "path": str(ROOT / "tests" / "studies" / "open_ms_followup.csv"),
        "root": str(root),
    }
    study["tasks"]["visits"] |= {
        "methods": ["identity", "bspline"], "grid": {"spacing": [3, 3, 3], "shape": [60, 72, 56]}
    }  # fmt: skip
    study["timing"] = {"devices": []}
    pipeline = Pipeline(tmp_path_factory.mktemp("visits"), study)
    pipeline.snakemake()
    return pipeline


def test_the_affine_of_the_two_visits_is_the_one_that_comes_with_the_data(visits, shared_data):
    """The dataset's own transforms lead through its common space: later scan -> common space -> first scan."""
    root = shared_data / "open_ms_followup"
    first, later = (affine_of([root / f"study{n}_FLAIR_to_common_space.txt"]) for n in (1, 2))
    record = json.loads((visits.results / "prepared" / "visits" / "pairs" / "test_b0.json").read_text())
    (pair,) = record["pairs"]
    brain = read_volume(visits.folder / pair["fixed"]["mask"], np.uint8)
    points = brain.grid.to_points(
        np.argwhere(brain.data > 0).T
    )  # of the later scan: its own space is the prepared one
    theirs = apply_affine(first @ np.linalg.inv(later), points)
    ours = apply_affine(np.array(pair["moving"]["to_original"]), points)
    apart = np.linalg.norm(ours - theirs, axis=0)
    assert apart.mean() < 1
    assert apart.max() < 3  # less than a slice


def test_the_lesion_keeps_its_place_and_volume_under_the_affine_alone(visits):
    table = pd.read_csv(visits.results / "tables" / "followup.csv").set_index("method")
    affine = table.loc["identity"]
    assert affine["before_ml"] == pytest.approx(3.5, abs=0.1)  # 2264 voxels of 1.55 mm3
    assert affine["dsc"] > 0.75
    assert affine["carried_ml"] == pytest.approx(affine["before_ml"], rel=0.1)
    assert set(table["status"]) == {"ok"}


def test_a_second_snakemake_has_nothing_to_do(visits):
    assert "Nothing to be done" in visits.snakemake()
