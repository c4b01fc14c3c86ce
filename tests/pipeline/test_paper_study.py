"""The paper's study from archives laid out as LPBA40 and IXI are distributed to both tables, with little of everything."""

import csv
import json

import pandas as pd
import pytest
import yaml

from regbench.data._lpba40_files import LABELS
from regbench.plan import Plan
from regbench.study import parse_study
from tests.data.distributed import BAD, IXI_PEOPLE, lay_ixi, lay_lpba40
from tests.pipeline.conftest import ROOT, Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]

TINY = {"encoder": [4, 8], "decoder": [8, 4], "final": [], "epochs": None, "steps": 2}


def paper() -> dict:
    return yaml.safe_load((ROOT / "workflow" / "studies" / "paper.yaml").read_text())


def small() -> dict:
    """Coarse grids, a pair of each kind, networks of two steps, nothing timed."""
    raw = paper()
    del raw["tasks"]["multi_between"]
    for task, methods in (("mono", ["identity", "dmi"]), ("multi", ["identity", "syn", "dmi"])):
        raw["tasks"][task] |= {
            "grid": {"spacing": [12, 12, 12], "shape": [16, 16, 16]},
            "pairs": {"train": 1, "test": 1, "timed": 1},
            "methods": methods,
        }
        raw["tasks"][task]["prepare"].setdefault("affine", {})["starts"] = 1
    raw["methods"] = {"dmi": {"variants": {"default": TINY}}}
    raw |= {"threads": 1, "batches": 1, "device": "cpu", "timing": {"repetitions": 1, "devices": []}}
    raw["scores"], raw["limits"]["memory_gb"] = {"bootstrap": 100}, 4
    return raw


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Pipeline:
    """All forty people of LPBA40, and IXI in its archives, run to the tables."""
    pipeline = Pipeline(tmp_path_factory.mktemp("paper"), small())
    lay_lpba40(pipeline.folder / "data" / "lpba40")
    lay_ixi(pipeline.folder / "data" / "ixi")
    pipeline.snakemake()
    return pipeline


def test_both_archives_come_to_their_tables(study):
    scores = pd.read_csv(study.results / "scores.csv", keep_default_na=False)
    assert set(scores.status) == {"ok"}, scores[scores.status != "ok"].to_string()
    assert set(scores[scores.task == "mono"].fixed) <= {f"S{n}" for n in range(33, 41)}
    dsc = scores[(scores.task == "mono") & (scores.metric == "dsc") & (scores.label != "")]
    assert set(dsc.label.astype(int)) <= LABELS.keys()
    assert len(dsc) > 0
    first, second = ((study.results / "tables" / f"table{n}.md").read_text() for n in (1, 2))
    assert "Affine" in first
    assert "DMI" in first
    assert "SyN" in second


def test_published_values_stand_beside_ours_as_of_the_same_data(study):
    first = (study.results / "tables" / "table1.md").read_text()
    assert "published" in first
    assert "not comparable" not in first


def test_a_training_without_validation_keeps_its_last_network(study):
    record = json.loads(
        (study.results / "models" / "mono" / "dmi" / "default" / "r0" / "record.json").read_text()
    )
    assert (record["status"], record["steps"], record["best_step"]) == ("ok", 2, 2)


def test_only_the_people_that_are_used_are_unpacked_and_who_they_are_is_written(study):
    folder = study.results / "data" / "ixi"
    with (folder / "subjects.csv").open() as file:
        rows = {row["subject"]: row for row in csv.DictReader(file)}
    assert [rows[name]["split"] != "" for name in IXI_PEOPLE] == [True] * 12
    assert rows[BAD]["left_out"] == "its T2w image has 28 slices, 5 mm apart"
    unpacked = {path.name for path in folder.iterdir() if path.is_dir()}
    assert 0 < len(unpacked) < 12
    for name in unpacked:
        assert (folder / name / f"{name}-T2.nii.gz").is_file()


def test_the_data_are_told_to_be_there_and_fetching_them_is_no_part_of_the_study(study):
    said = study.snakemake("download_ixi")
    assert "IXI-T1.tar of 14 people there, IXI-T1.tar is not fetched" in said
    assert study.planned() == set()


def test_the_whole_study_has_the_papers_pairs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_lpba40(tmp_path / "data" / "lpba40")
    for contrast in ("T1", "T2"):
        (tmp_path / "data" / "ixi" / contrast).mkdir(parents=True)
        for number in range(2, 584):
            (
                tmp_path / "data" / "ixi" / contrast / f"IXI{number:03d}-HH-{number:04d}-{contrast}.nii.gz"
            ).touch()
    plan = Plan(parse_study(paper(), "paper.yaml"), tmp_path / "results")
    counts = {
        task: [len(plan.pairs(task, split)) for split in ("train", "val", "test")]
        for task in plan.study.tasks
    }
    assert counts == {"mono": [992, 0, 56], "multi": [386, 0, 97], "multi_between": [992, 0, 97]}
    assert plan.repetitions("dmi") == plan.repetitions("voxelmorph") == 3
