"""A small phantom population, made once for all tests of the stage `data`."""

import json

import pytest

from regbench.data import load_dataset
from regbench.study import DatasetSettings

COARSE = {"type": "phantom", "spacing": 4.0, "field_spacing": 4.0}


@pytest.fixture(scope="session")
def phantom(tmp_path_factory):
    """Records by subject of one training and two test subjects, scanned at 4 mm."""
    settings = DatasetSettings(**COARSE, subjects={"train": 1, "val": 0, "test": 2})
    dataset = load_dataset(settings, tmp_path_factory.mktemp("phantom"))
    records = {subject.name: dataset.make(subject.name) for subject in dataset.subjects()}
    for record in records.values():
        assert record["status"] == "ok", record["message"]
        record["report"] = json.loads((dataset.folder / record["subject"] / "phantom.json").read_text())
    return records
