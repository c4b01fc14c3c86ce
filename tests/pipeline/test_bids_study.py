"""The study of a real BIDS dataset with skull and thick slices, cut down to minutes."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.pipeline.conftest import ROOT, Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.shared, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def heads(shared_data, tmp_path_factory) -> Pipeline:
    root = shared_data / "ds000011"
    if not root.is_dir():
        pytest.skip(f"needs {root}")
    study = yaml.safe_load((ROOT / "tests" / "studies" / "ds000011.yaml").read_text())
    study["datasets"]["ds000011"] |= {
        "path": str(root), "participants": {"train": ["sub-01"], "test": ["sub-05", "sub-06"]}
    }  # fmt: skip
    for task in study["tasks"].values():
        task["methods"] = ["identity", "syn"]
        task["grid"] = {"spacing": [4, 4, 4], "shape": [48, 60, 60]}
    pipeline = Pipeline(tmp_path_factory.mktemp("heads"), study)
    pipeline.snakemake()
    return pipeline


def test_both_tasks_end_in_their_tables(heads):
    scores = pd.read_csv(heads.results / "scores.csv", keep_default_na=False)
    assert set(scores.status) == {"ok"}
    assert set(scores[scores.task == "contrasts"].fixed) == {"sub-05", "sub-06"}
    for name in ("table1", "table2"):
        assert "SyN" in (heads.results / "tables" / f"{name}.md").read_text()


def test_the_two_contrasts_of_a_head_are_aligned_without_being_stretched(heads):
    record = json.loads((heads.results / "prepared" / "contrasts" / "pairs" / "test_b0.json").read_text())
    for pair in record["pairs"]:
        scales = np.linalg.svd(np.array(pair["moving"]["to_original"])[:3, :3])[1]
        assert 0.95 < scales.min() <= scales.max() < 1.08, pair["pair"]


def test_a_second_snakemake_has_nothing_to_do(heads):
    assert "Nothing to be done" in heads.snakemake()
