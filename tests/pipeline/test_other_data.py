"""The datasets that stand beside the paper's two, laid out as they are distributed, from their files to their tables."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.data.archives import neurite_oasis, oasis3_session, volume
from tests.pipeline.conftest import Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]

MM, SHAPE = 6.0, (28, 30, 26)
AFFINE = np.diag([-MM, -MM, MM, 1.0])
GRID = {"spacing": [MM, MM, MM], "shape": [32, 32, 32]}
SMALL = {"widths": [4, 4, 4, 4], "steps": 2, "epochs": None}


def radius(centre=(14, 15, 13), stretch=(1.0, 1.0, 1.0)) -> np.ndarray:
    """Distance in voxels of every voxel from a point, along axes that are stretched."""
    away = (np.indices(SHAPE).T - np.array(centre)) / np.array(stretch)
    return np.linalg.norm(away, axis=-1).T


def head(number: int = 0) -> np.ndarray:
    """A stripped head, a little different for each number."""
    shell = radius(stretch=(1.0 + 0.02 * number, 1.1, 1.0))
    return np.where(shell < 11, 400 + 300 * (shell < 6) + 40 * np.sin(shell * 2), 0).astype(np.float32)


def regions(number: int = 0) -> np.ndarray:
    shell = radius(stretch=(1.0 + 0.02 * number, 1.1, 1.0))
    return np.where(shell < 6, 2, np.where(shell < 11, 1, 0)).astype(np.int16)


def lesion(voxels: float) -> np.ndarray:
    return (radius((10, 15, 13)) < voxels).astype(np.uint8)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Pipeline:
    """All three datasets in one study: people to train on, a session of one, and two visits of another."""
    root = tmp_path_factory.mktemp("other")
    neurite_oasis(root / "neurite", [1, 2, 3, 4], head, regions, space=("",))
    scans = {"run-01_T1w": "anat2", "run-02_T1w": "anat3", "T2w": "anat1"}
    oasis3_session(
        root / "oasis3", "OAS30001", "d0129", scans, "script", T1w=head(), T2w=900 * (head() > 0) - head()
    )
    for name, size in (("pre", 3.5), ("post", 2.8)):
        volume(root / f"{name}.nii.gz", head() + 250 * lesion(size), AFFINE)
        volume(root / f"{name}_lesion.nii.gz", lesion(size), AFFINE)
    rows = [f"p1,{name},{name}.nii.gz,{name}_lesion.nii.gz" for name in ("pre", "post")]
    (root / "visits.csv").write_text("\n".join(["subject,visit,image,labels", *rows]))
    common = {"grid": GRID, "prepare": {"affine": {"mode": "none"}}}
    pipeline = Pipeline(root, {
        "study": "other", "description": "Three datasets", "threads": 1, "batches": 1, "device": "cpu",
        "datasets": {
            "neurite": {"type": "neurite_oasis", "path": "neurite", "subjects": {"train": 2, "test": 2}},
            "oasis3": {"type": "oasis3", "path": "oasis3", "subjects": {"test": 1}},
            "visits": {"type": "followup", "path": "visits.csv"},
        },
        "tasks": {
            "mono": {**common, "table": 1, "dataset": "neurite", "methods": ["identity", "dmi_fast"]},
            "sessions": {**common, "table": 2, "dataset": "oasis3", "pairing": "within", "moving": "T2w", "methods": ["identity"]},
            "visits": {
                **common, "table": 1, "dataset": "visits", "pairing": "followup", "trained_on": "mono",
                "methods": ["identity", "dmi_fast"],
            },
        },
        "methods": {"dmi_fast": {"variants": {"default": SMALL}}},
        "timing": {"devices": []}, "scores": {"bootstrap": 100},
    })  # fmt: skip
    pipeline.snakemake()
    return pipeline


@pytest.fixture(scope="module")
def scores(study) -> pd.DataFrame:
    return pd.read_csv(study.results / "scores.csv")


def test_archives_laid_out_as_the_real_ones_go_to_table_1_and_table_2(study, scores):
    assert set(scores["status"]) == {"ok"}
    mono = scores[(scores["task"] == "mono") & (scores["method"] == "identity") & (scores["metric"] == "dsc")]
    assert set(mono["label"].dropna()) == {1, 2}
    assert set(scores[scores["task"] == "sessions"]["fixed"]) == {"OAS30001_d0129"}
    for table in ("table1", "table2"):
        assert "Affine" in (study.results / "tables" / f"{table}.md").read_text()


def test_visits_are_registered_by_the_model_of_another_task_and_the_table_says_so(study, scores):
    visits = scores[(scores["task"] == "visits") & (scores["method"] == "dmi_fast")]
    assert len(visits)
    assert not (study.results / "models" / "visits").exists()
    run = study.results / "runs" / "visits" / "dmi_fast" / "default" / "r0_b0" / "p1_post__p1_pre.json"
    assert json.loads(run.read_text())["status"] == "ok"
    assert (
        "Learned methods were trained on mono, not on these data."
        in (study.results / "tables" / "followup.md").read_text()
    )


def test_the_follow_up_s_table_has_the_volumes_that_were_drawn_and_what_each_method_makes_of_the_first(study):
    table = pd.read_csv(study.results / "tables" / "followup.csv")
    assert set(table["method"]) == {"identity", "dmi_fast"}
    row = table[table["method"] == "identity"].iloc[0]
    before, after = (float(lesion(size).sum()) * MM**3 / 1000 for size in (3.5, 2.8))
    assert (row["fixed"], row["moving"]) == ("p1_post", "p1_pre")
    assert row["before_ml"] == pytest.approx(before)
    assert row["after_ml"] == pytest.approx(after)
    assert row["carried_ml"] == pytest.approx(before)  # nothing moves, and the grids have one spacing
    assert row["dsc"] == pytest.approx(
        2 * after / (before + after)
    )  # the smaller lesion lies in the larger one
    assert row["change_percent"] == pytest.approx(100 * (after - before) / before)


def test_the_follow_up_has_a_picture_that_the_list_of_figures_names(study):
    listed = json.loads((study.results / "figures" / "figures.json").read_text())
    (figure,) = [entry for entry in listed if entry["name"] == "visits_followup"]
    assert "Left out" not in figure["caption"]
    assert "as carried (cyan)" in figure["caption"]
    assert (study.results / "figures" / figure["png"]).stat().st_size > 10_000
