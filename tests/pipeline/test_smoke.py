"""The whole pipeline on the smoke study, through Snakemake: tables, reruns."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from regbench.records import read_record
from tests.pipeline.conftest import ROOT, Pipeline

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
        "mine",
        "my_class",
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
        "mine",
        "my_class",
    }
    for name, row in (
        ("table1", "VoxelMorph"),
        ("table2", "SyN"),
        ("table1", "Mine"),
        ("table2", "My class"),
    ):
        assert f"| {row} " in (smoke.results / "tables" / f"{name}.md").read_text()


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


def test_timed_batches_come_when_all_others_are_done(smoke):
    batches = {path: path.stat().st_mtime for path in smoke.results.glob("runs/*/*/*/*/batch.json")}
    timed = {path: time for path, time in batches.items() if path.parent.name.startswith("timed_")}
    assert timed
    assert max(time for path, time in batches.items() if path not in timed) <= min(timed.values())


COMPUTING = ("data", "prepare-reference", "prepare-subject", "prepare-pairs", "train", "run", "score", "figures", "report")  # fmt: skip


def test_every_stage_that_computes_waits_for_a_timed_run(smoke, tmp_path, holder):
    # A copy, for the stages are about to replace files.
    shutil.copytree(smoke.results, tmp_path / "results" / smoke.results.name)
    for record in tmp_path.glob("results/*/runs/*/*/*/r*/*__*.json"):
        record.unlink()  # or a run would find that all is done
    said = smoke.snakemake("-n", "--forceall", "--printshellcmds")
    found = re.findall(r"(python -m regbench (\S+) .*)", said)
    commands = {stage: line.strip() for line, stage in found if "--batch timed_" not in line}
    assert holder("exclusive").read() == "holds"
    environment = {**smoke.environment, "PYTHONPATH": str(ROOT), "REGBENCH_LOCK": os.environ["REGBENCH_LOCK"]}
    started = {
        stage: subprocess.Popen(
            [sys.executable, *commands[stage].split()[1:]], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
        )
        for stage in COMPUTING
    }  # fmt: skip
    try:
        for stage, process in started.items():
            assert process.stderr
            lines = iter(process.stderr.readline, "")
            said = next((line for line in lines if "waiting for a timed run on this machine" in line), None)
            assert said, f"{stage} does not wait"
    finally:
        for process in started.values():
            process.kill()
            process.communicate()


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
    assert planned == {"syn", "accuracy", "score", "gather", "write_tables", "figures", "write_report", "all"}


def test_another_pair_to_show_redraws_the_figures_alone(smoke):
    smoke.study, kept = {**smoke.study, "figures": {"pair": ["test02", "test01"]}}, smoke.study
    try:
        planned = smoke.planned()
    finally:
        smoke.study = kept
    assert planned == {"figures", "write_report", "all"}


def test_every_figure_is_drawn_or_says_why_not(smoke):
    listed = json.loads((smoke.results / "figures" / "figures.json").read_text())
    captions = {figure["name"]: figure["caption"] for figure in listed}
    assert not [text for text in captions.values() if "Could not be drawn" in text]
    assert [name for name, text in captions.items() if "Left out" in text] == ["mono_ranks", "multi_ranks"]
    assert all(
        (smoke.results / "figures" / figure[form]).is_file() for figure in listed for form in ("png", "svg")
    )


def test_the_workflow_is_lint_free(smoke):
    assert "Congratulations" in smoke.snakemake("--lint")


def test_its_own_records_estimate_what_it_took(smoke):
    found = estimated(smoke, smoke.folder / "results")
    for stage, hours in spent(smoke).items():
        lines = [line for line in found["lines"] if line["stage"] == stage]
        starts = sum(line["jobs"] for line in lines) * found["job_seconds"] / 3600
        assert hours / 2 < sum(line["hours"] for line in lines) - starts < hours * 2


def test_without_records_every_stage_is_measured_on_the_spot(smoke):
    found = estimated(smoke, smoke.folder / "nothing")
    assert not found["warnings"]
    assert {line["stage"] for line in found["lines"]} >= {"data", "prepared", "models", "runs", "scores"}
    assert all(line["hours"] > 0 for line in found["lines"])


def estimated(smoke: Pipeline, results: Path) -> dict:
    study = ROOT / "workflow" / "studies" / "smoke.yaml"
    command = [sys.executable, "-m", "regbench", "estimate", str(study), "--results", str(results), "--json"]
    environment = {**smoke.environment, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    return json.loads(done.stdout)


def spent(smoke: Pipeline) -> dict[str, float]:
    """Hours of registrations and trainings by the records themselves."""
    runs = [read_record(path) for path in smoke.results.glob("runs/*/*/*/*/*__*.json")]
    calls = [call for run in runs for call in run["calls"]]
    models = [read_record(path)["seconds"] for path in smoke.results.glob("models/*/*/*/r*/record.json")]
    return {
        "runs": sum(seconds for call in calls for phase, seconds in call.items() if phase != "call") / 3600,
        "models": sum(models) / 3600,
    }
