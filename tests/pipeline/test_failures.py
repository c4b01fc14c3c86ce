"""Failure is data: whatever a method does, its rows say so and everything else completes."""

import pandas as pd
import pytest

from tests.pipeline.conftest import Pipeline, smoke_study

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]

EXPECTED = {
    "crashes": "error",
    "segfaults": "error",
    "hangs": "timeout",
    "hoards": "oom",
    "not_finite": "invalid",
    "wrong_shape": "invalid",
    "writes_nothing": "invalid",
    "exits": "error",
    "cannot_train": "skipped",
    "identity": "ok",
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory, request) -> Pipeline:
    study = smoke_study()
    study["study"] = "broken"
    study["tasks"] = {"mono": {**study["tasks"]["mono"], "methods": list(EXPECTED)}}
    study["methods"] = {}
    study["method_folders"] = [str(request.path.parent / "broken_methods")]
    study["limits"] = {"run_seconds": 12, "memory_gb": 2}
    study["timing"] = {"repetitions": 1, "devices": []}
    pipeline = Pipeline(tmp_path_factory.mktemp("broken"), study)
    pipeline.snakemake()
    return pipeline


@pytest.mark.parametrize("method", EXPECTED)
def test_a_failing_method_ends_as_rows_with_its_status(broken, method):
    scores = pd.read_csv(broken.results / "scores.csv")
    rows = scores[scores.method == method]
    assert set(rows.status) == {EXPECTED[method]}
    assert rows.value.notna().any() == (EXPECTED[method] == "ok")
    assert len(rows[["fixed", "moving"]].drop_duplicates()) == 2


def test_the_table_counts_the_failures(broken):
    table = (broken.results / "tables" / "table1.md").read_text()
    assert "hangs" in table
    assert "timeout" in table


def test_the_last_lines_of_a_failed_method_are_kept(broken):
    records = list((broken.results / "runs" / "mono" / "exits").rglob("*__*.json"))
    assert len(records) == 2
    assert all("reason given" in record.read_text() for record in records)
