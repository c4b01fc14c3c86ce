"""A record is written whole or not at all."""

import json

import numpy as np
import pytest

from regbench.records import read_record, write_record


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
