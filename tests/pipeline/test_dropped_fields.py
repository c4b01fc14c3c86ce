"""A study that keeps no fields: nothing to do afterwards, added pairs cost their own, other metrics register again."""

import pandas as pd
import pytest

from tests.pipeline.conftest import Pipeline, coarse_study

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]


def test_a_study_without_fields_reruns_as_it_should(tmp_path):
    study = coarse_study()
    study["study"] = "dropped"
    study["tasks"] = {"mono": {**study["tasks"]["mono"], "methods": ["identity", "truth"]}}
    study["methods"], study["fields"] = {}, {"keep": 0, "precision": "half"}
    pipeline = Pipeline(tmp_path, study)
    pipeline.snakemake()
    records = {path: path.read_text() for path in pipeline.results.glob("runs/**/*__*.json")}
    assert len(records) == 4
    assert not list(pipeline.results.glob("runs/**/*.nii.gz"))
    assert "Nothing to be done" in pipeline.snakemake()

    study["datasets"]["phantom"]["subjects"]["test"] = 3
    before = pd.read_csv(pipeline.results / "scores.csv")
    pipeline.snakemake()
    after = pd.read_csv(pipeline.results / "scores.csv")
    assert {path: path.read_text() for path in records} == records
    assert len(after) == 3 * len(before)
    assert set(after.status) == {"ok"}

    study["scores"]["label_path"] = "prepared"
    assert {"identity", "truth", "score"} <= pipeline.planned()
    pipeline.snakemake()
    assert all(path.read_text() != text for path, text in records.items())
    assert set(pd.read_csv(pipeline.results / "scores.csv").status) == {"ok"}

    study["fields"] = {"keep": "all", "precision": "half"}
    pipeline.snakemake()
    assert len(list(pipeline.results.glob("runs/**/*.nii.gz"))) == 12
    assert "Nothing to be done" in pipeline.snakemake()
