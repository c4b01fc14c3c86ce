"""Whatever way a training process ends, there is a record."""

import json
import os
import subprocess
import sys

import pytest

from regbench.models.watched import training_command, watch_training
from regbench.runs.jobs import THREADS

CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
HOARD = "import time; x = b'x' * (400 * 2**20); time.sleep(60)"
WELL = 'import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(\'{"status": "ok"}\')'


@pytest.mark.parametrize(("code", "status"), [(CRASH, "error"), (HOARD, "oom"), (WELL, "ok")])
def test_an_ending_becomes_a_record(tmp_path, code, status):
    record, log = tmp_path / "record.json", tmp_path / "train.log"
    log.write_text("one\nlast words\n")
    watch_training([sys.executable, "-c", code, str(record)], record, log, memory_gb=0.2, threads=1)
    found = json.loads(record.read_text())
    assert found["status"] == status
    assert status == "ok" or found["log_tail"][-1] == "last words"


def test_threads_are_set_before_a_training_starts(tmp_path):
    code = "import json, os, sys; json.dump({'status': 'ok', **os.environ}, open(sys.argv[1], 'w'))"
    record = tmp_path / "record.json"
    watch_training([sys.executable, "-c", code, str(record)], record, None, memory_gb=1, threads=3)
    assert {json.loads(record.read_text())[name] for name in THREADS} == {"3"}


@pytest.mark.parametrize("processes", [1, 2])
def test_every_process_of_a_training_gets_the_arguments_as_they_are(tmp_path, processes):
    (tmp_path / "said.py").write_text(
        "import os, sys, json, pathlib\n"
        "pathlib.Path(__file__).with_name('said' + os.environ.get('RANK', '')).write_text(json.dumps(sys.argv[1:]))"
    )
    arguments = ["train", "--log", "a b.log", "--unwatched"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run(training_command(processes, "said", arguments), env=environment, check=True)
    names = ["said"] if processes == 1 else ["said0", "said1"]
    assert [json.loads((tmp_path / name).read_text()) for name in names] == [arguments] * processes
