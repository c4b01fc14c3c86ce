"""`snakemake paper_tables`: the tables of finished scores, whatever became of what the scores were made from."""

import shutil
from pathlib import Path

import pytest

from tests.pipeline.conftest import Pipeline, coarse_study

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]
METHOD = Path(__file__).parent / "broken_methods"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Pipeline:
    """A study of one task with a method of its own, run to its tables."""
    folder = tmp_path_factory.mktemp("paper_tables")
    methods = folder / "methods"
    methods.mkdir()
    shutil.copy(METHOD / "zero.py", methods)
    text = (METHOD / "exits.smk").read_text().replace("*/s5__s6*) echo reason given; exit 3;;", "")
    (methods / "exits.smk").write_text(text)
    study = coarse_study()
    study |= {"study": "finished", "methods": {}, "method_folders": [str(methods)]}
    study["datasets"]["phantom"]["subjects"] = {"train": 0, "val": 0, "test": 2}
    changes = {"methods": ["identity", "exits"], "prepare": {"affine": {"mode": "none"}}}
    study["tasks"] = {"mono": study["tasks"]["mono"] | changes}
    pipeline = Pipeline(folder, study)
    pipeline.snakemake()
    return pipeline


def test_tables_come_from_the_scores_alone(finished):
    """Fields, runs, preparation and data are gone, the method's code has changed: nothing but the tables is made."""
    tables = finished.results / "tables"
    before = {name: (tables / name).read_text() for name in ("table1.md", "claims.md", "claims.csv")}
    for name in ("tables", "runs", "prepared", "data", "scores", "check_passed.json"):
        path = finished.results / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    method = finished.folder / "methods" / "exits.smk"
    method.write_text(method.read_text().replace("zero.py FIXED OUT", "zero.py FIXED OUT 1"))
    assert {"exits", "identity", "write_tables"} <= finished.planned("--nocolor", "tables")
    assert finished.planned("--nocolor", "paper_tables") == {"paper_tables"}
    said = finished.snakemake("paper_tables")
    assert "1 of 1 steps (100%) done" in said
    assert {name: (tables / name).read_text() for name in before} == before
    left = {path.name for path in finished.results.iterdir()}
    assert left.isdisjoint({"runs", "prepared", "data", "scores", "check_passed.json"})


def test_data_need_not_be_at_hand(finished):
    """The same study's results with a dataset that is not on this machine."""
    finished.study["datasets"] = {"phantom": {"type": "manifest", "path": "elsewhere/scans.csv"}}
    assert "elsewhere/scans.csv" in finished.snakemake("tables", ok=False)
    finished.snakemake("paper_tables")
    assert "manifest" in (finished.results / "tables" / "claims.md").read_text()


def test_without_scores_it_says_what_is_missing(finished):
    (finished.results / "scores.csv").rename(finished.results / "kept.csv")
    said = finished.snakemake("paper_tables", ok=False)
    assert "scores.csv: no such file" in said
    assert "run the study first" in said
