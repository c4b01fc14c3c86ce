"""The report comes out of a real run, as does Snakemake's own, and neither needs a network."""

import pytest

from tests.pipeline.conftest import Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]

STUDY = {
    "study": "tiny",
    "description": "two subjects, two methods",
    "threads": 1,
    "batches": 1,
    "datasets": {
        "phantom": {"type": "phantom", "spacing": 6.0, "subjects": {"train": 1, "val": 1, "test": 2}}
    },
    "tasks": {
        "mono": {
            "table": 1,
            "dataset": "phantom",
            "grid": {"spacing": [8, 8, 8], "shape": [24, 24, 24]},
            "pairs": {"timed": 1},
            "methods": ["identity", "syn"],
        }
    },
    "timing": {"repetitions": 1, "devices": ["cpu"]},
    "scores": {"bootstrap": 100},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Pipeline:
    pipeline = Pipeline(tmp_path_factory.mktemp("tiny"), STUDY)
    for name in (
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):  # nowhere: who asks, fails
        pipeline.environment[name] = "http://127.0.0.1:9"
    pipeline.environment["no_proxy"] = pipeline.environment["NO_PROXY"] = ""
    pipeline.snakemake()
    return pipeline


def test_snakemake_writes_the_report_with_the_study(tiny):
    page = (tiny.results / "report.html").read_text(encoding="utf8")
    assert "two subjects, two methods" in page
    assert '<script type="text/plain" id="volume-0-2-image">' in page
    assert "figure-mono_pictures" in page
    assert "Nothing to be done" in tiny.snakemake()


def test_snakemake_s_own_report_has_tables_and_figures_with_captions(tiny):
    tiny.snakemake("--report", "own.html")
    page = (tiny.folder / "own.html").read_text(encoding="utf8")
    for words in (
        "Tables",
        "Figures",
        "table1",
        "Registered images, task mono",
        "Measured rows of the study",
    ):
        assert words in page, words
