"""The whole pipeline on the smoke study, through Snakemake: tables, reruns."""

import copy
import json

import pandas as pd
import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]


def test_every_method_ends_ok_and_stands_in_its_table(smoke):
    scores = pd.read_csv(smoke.results / "scores.csv", keep_default_na=False)
    assert set(scores.status) == {"ok"}
    assert set(scores[scores.task == "mono"].method) == {
        "identity",
        "truth",
        "syn",
        "bspline",
        "voxelmorph",
        "dmi",
        "dmi_fast",
        "dmi_fast_io",
        "dmi_io",
    }
    assert set(scores[scores.task == "multi"].method) == {
        "identity",
        "truth",
        "syn",
        "bspline",
        "dmi",
        "dmi_fast",
        "dmi_fast_io",
        "dmi_io",
    }
    for name, row in (("table1", "VoxelMorph"), ("table2", "SyN")):
        assert row in (smoke.results / "tables" / f"{name}.md").read_text()


def test_truth_beats_identity_and_has_no_error(smoke):
    scores = pd.read_csv(smoke.results / "scores.csv")
    mean = scores.groupby(["task", "metric", "method"]).value.mean()
    for task in ("mono", "multi"):
        assert mean[task, "dsc", "truth"] > mean[task, "dsc", "identity"] + 0.1
        assert mean[task, "error", "truth"] < 0.01


def test_timed_runs_are_apart_and_have_a_cold_call(smoke):
    timings = pd.read_csv(smoke.results / "timings.csv")
    syn = timings[(timings.method == "syn") & (timings.phase == "compute")]
    assert set(syn.call) == {0, 1}
    assert (syn.seconds > 0).all()


def test_provenance_says_where_it_was_measured(smoke):
    provenance = json.loads((smoke.results / "provenance.json").read_text())
    assert provenance["environment"]["libraries"]["torch"]
    assert provenance["study"]["study"] == "smoke"


def test_a_second_snakemake_has_nothing_to_do(smoke):
    assert "Nothing to be done" in smoke.snakemake()


def test_editing_one_methods_options_reruns_that_method_only(smoke):
    smoke.study, kept = copy.deepcopy(smoke.study), smoke.study
    smoke.study["methods"]["syn"] = {"variants": {"default": {"iterations": [1]}}}
    try:
        planned = smoke.planned()
    finally:
        smoke.study = kept
    assert planned == {"syn", "score", "gather", "write_tables", "all"}


def test_the_workflow_is_lint_free(smoke):
    assert "Congratulations" in smoke.snakemake("--lint")
