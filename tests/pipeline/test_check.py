"""Bad data are told before anything is computed; odd file names are no bad data."""

import csv

import pandas as pd
import pytest

from tests.pipeline.conftest import Pipeline
from tests.prepared.phantoms import transform_of, write_head

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(900)]

NAMES = {"s1": "-a dash", "s2": "it's 100% größe", "s3": 'a "quote" ; $HOME & more'}
SPLITS = {"s1": "train", "s2": "test", "s3": "test"}


@pytest.fixture
def pipeline(tmp_path, request) -> Pipeline:
    """A study of three heads in files of odd names, in a folder of an odd name, with a Python and a command method."""
    folder = tmp_path / "my study's folder"
    folder.mkdir()
    with (folder / "the scans.csv").open("w", newline="", encoding="utf8") as file:
        table = csv.writer(file)
        table.writerow(["subject", "contrast", "image", "labels", "split"])
        for number, (subject, name) in enumerate(NAMES.items()):
            write_head(folder, name, transform_of(shift=(3 * number, 0, 0)), offset=(number, 0, 0))
            names = [f"{name}_{kind}.nii.gz" for kind in ("T1w", "labels")]
            table.writerow([subject, "T1w", *names, SPLITS[subject]])
    study = {
        "study": "odd",
        "description": "odd names",
        "threads": 1,
        "batches": 1,
        "datasets": {"mine": {"type": "manifest", "path": "the scans.csv"}},
        "tasks": {
            "mono": {
                "table": 1,
                "dataset": "mine",
                "grid": {"spacing": [6, 6, 6], "shape": [20, 20, 20]},
                "prepare": {"affine": {"mode": "none"}},
                "methods": ["identity", "tool"],
            }
        },
        "method_folders": [str(request.path.parent / "odd_names")],
        "timing": {"devices": []},
        "scores": {"bootstrap": 100},
    }
    return Pipeline(folder, study)


def statuses(pipeline: Pipeline) -> dict[str, set[str]]:
    scores = pd.read_csv(pipeline.results / "scores.csv")
    return {method: set(rows.status) for method, rows in scores.groupby("method")}


def test_bad_scans_stop_the_study_before_anything_is_computed_and_odd_names_do_not(pipeline):
    scan = pipeline.folder / f"{NAMES['s2']}_T1w.nii.gz"
    whole = scan.read_bytes()
    scan.write_bytes(whole[:5000])
    said = pipeline.snakemake(ok=False)
    assert f"{scan.name}: the voxels cannot be read, the file may be cut short" in said
    assert "on_bad_data: record" in said
    assert not (pipeline.results / "data").exists()
    scan.write_bytes(whole)
    assert "no errors, no warnings (6 files, 1 of them new or changed" in pipeline.snakemake()
    assert statuses(pipeline) == {"identity": {"ok"}, "tool": {"ok"}}
    assert "no errors" not in pipeline.snakemake(
        "--forcerun", "write_tables"
    )  # nothing changed that is checked

    pipeline.study["methods"] = {"identity": {"variants": {"default": {"no_such_option": 1}}}}
    assert "no_such_option: unknown option" in pipeline.snakemake(ok=False)
    del pipeline.study["methods"]
    assert pipeline.planned() == set()  # a check that failed makes nothing be done again


def test_a_study_may_go_on_over_bad_scans_which_then_end_as_rows(pipeline):
    (pipeline.folder / f"{NAMES['s2']}_T1w.nii.gz").write_bytes(b"")
    pipeline.study["on_bad_data"] = "record"
    assert "the file is empty" in pipeline.snakemake()
    assert statuses(pipeline) == {"identity": {"skipped"}, "tool": {"skipped"}}
