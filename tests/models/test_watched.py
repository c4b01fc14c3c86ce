"""Whatever way a training process ends, there is a record."""

import json
import sys

import pytest

from regbench.models.watched import watch_training

CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
HOARD = "import time; x = b'x' * (400 * 2**20); time.sleep(60)"
WELL = 'import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(\'{"status": "ok"}\')'


@pytest.mark.parametrize(("code", "status"), [(CRASH, "error"), (HOARD, "oom"), (WELL, "ok")])
def test_an_ending_becomes_a_record(tmp_path, code, status):
    record, log = tmp_path / "record.json", tmp_path / "train.log"
    log.write_text("one\nlast words\n")
    watch_training([sys.executable, "-c", code, str(record)], record, log, memory_gb=0.2)
    found = json.loads(record.read_text())
    assert found["status"] == status
    assert status == "ok" or found["log_tail"][-1] == "last words"
