"""A record is written whole or not at all."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from regbench.records import contents_of, read_record, write_record, write_stage_record


def test_paths_and_numpy_values_come_back_plain(tmp_path):
    path = tmp_path / "folder with space" / "ö.json"
    write_record(path, {"path": tmp_path, "number": np.float32(0.5), "matrix": np.eye(2)})
    assert read_record(path) == {"path": str(tmp_path), "number": 0.5, "matrix": [[1, 0], [0, 1]]}


def test_a_failed_write_leaves_the_old_record_and_no_debris(tmp_path):
    path = tmp_path / "record.json"
    write_record(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_record(path, {"a": float("nan")})
    assert read_record(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_record_is_named(tmp_path):
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"a": 1})[:-1])
    with pytest.raises(ValueError, match=r"record\.json"):
        read_record(path)


@pytest.mark.parametrize("folder", ["", "sub/"])
def test_a_stage_record_differs_when_a_file_it_names_does(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    image = Path(f"{folder}-image.nii.gz")  # relative, as in a manifest beside the study
    image.write_bytes(b"one")
    record = {"status": "ok", "sides": {"T1w": {"image": str(image), "matrix": [[1.0]]}}}
    digests = [write_stage_record(tmp_path / "record.json", record)["digest"] for _ in range(2)]
    image.write_bytes(b"two")
    assert digests[0] == digests[1] != write_stage_record(tmp_path / "record.json", record)["digest"]
    assert read_record(tmp_path / "record.json")["status"] == "ok"


def test_contents_are_the_same_under_other_names_and_compressions(tmp_path):
    digests = []
    for folder, level in (("a", 1), ("other", 9)):
        (tmp_path / folder).mkdir()
        image, labels = tmp_path / folder / "T1.nii.gz", tmp_path / folder / "labels.nii"
        image.write_bytes(gzip.compress(b"image" * 1000, level))
        labels.write_bytes(b"labels")
        digests.append(contents_of({"subject": "s", "images": {"T1w": image}, "labels": labels}))
    labels.write_bytes(b"Labels")
    changed = contents_of({"subject": "s", "images": {"T1w": image}, "labels": labels})
    assert digests[0] == digests[1] != changed


def test_a_file_that_only_looks_compressed_has_contents_too(tmp_path):
    path = tmp_path / "image.nii.gz"
    path.write_bytes(b"not gzip")
    first = contents_of({"image": path})
    path.write_bytes(b"nor this")
    assert first != contents_of({"image": path})
