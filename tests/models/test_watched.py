"""Whatever way a training process ends, there is a record."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from regbench.models import watched
from regbench.models.watched import training_command, watch_training
from regbench.runs.jobs import ROOT, THREADS
from regbench.runs.lock import machine_lock

SLEEP = 60.0625  # seconds, by which its processes are known
CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
HOARD = "import time; x = b'x' * (400 * 2**20); time.sleep(60)"
WELL = 'import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(\'{"status": "ok"}\')'


@pytest.mark.parametrize(("code", "status"), [(CRASH, "error"), (HOARD, "oom"), (WELL, "ok")])
def test_an_ending_becomes_a_record(tmp_path, code, status):
    record, log = tmp_path / "record.json", tmp_path / "train.log"
    log.write_text("one\nlast words\n")
    watch_training(
        [sys.executable, "-c", code, str(record)], record, log, memory_gb=0.2, limit_seconds=60, threads=1
    )
    found = json.loads(record.read_text())
    assert found["status"] == status
    assert status == "ok" or found["log_tail"][-1] == "last words"


def test_a_training_that_hangs_is_killed_with_what_it_started_and_frees_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(watched, "SLACK_SECONDS", 1.0)
    hang = f"import subprocess, time; print(subprocess.Popen(['sleep', '{SLEEP}']).pid); time.sleep({SLEEP})"
    record, start = tmp_path / "record.json", time.monotonic()
    watch_training([sys.executable, "-c", hang], record, None, memory_gb=1, limit_seconds=0.5, threads=1)
    found = json.loads(record.read_text())
    assert found["status"] == "timeout"
    assert "0.5 s" in found["message"]
    assert 1.5 < time.monotonic() - start < 30
    assert not sleeping()
    with machine_lock("exclusive") as waited:
        assert waited < 1


def test_a_training_that_is_done_but_does_not_end_is_killed_and_its_record_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(watched, "GRACE_SECONDS", 0.5)
    linger = f'import pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(\'{{"status": "ok"}}\'); time.sleep({SLEEP})'
    record, start = tmp_path / "record.json", time.monotonic()
    command = [sys.executable, "-c", linger, str(record)]
    watch_training(command, record, None, memory_gb=1, limit_seconds=60, threads=1)
    assert json.loads(record.read_text())["status"] == "ok"
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_of_a_training_outlives_who_watches_it(tmp_path, number):
    """Of two processes as torch's launcher starts them: here a shell, whose child asks for the same."""
    rank = (
        "import subprocess, sys, time\n"
        "from regbench.models.watched import end_with_parent\n"
        "end_with_parent()\n"
        f"open({str(tmp_path / 'ready')!r}, 'w').close()\n"
        f"time.sleep({SLEEP})\n"
    )
    launcher = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {rank!r}, 'a rank {SLEEP}'])"
    watcher = (
        "import sys\n"
        "from pathlib import Path\n"
        "from regbench.models.watched import watch_training\n"
        f"watch_training([sys.executable, '-c', {launcher!r}], Path({str(tmp_path / 'record.json')!r}), None, 1, 600, 1)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", watcher], env={**os.environ, "PYTHONPATH": str(ROOT)})
    wait_until(lambda: (tmp_path / "ready").exists())
    assert running(f"a rank {SLEEP}")
    process.send_signal(number)
    process.wait()
    wait_until(lambda: not running(f"a rank {SLEEP}"))


def test_what_a_training_leaves_behind_is_killed(tmp_path):
    leave = (
        "import os, subprocess, sys, pathlib\n"
        f"subprocess.Popen(['sh', '-c', 'sleep {SLEEP} & sleep {SLEEP}'], start_new_session=True)\n"
        'pathlib.Path(sys.argv[1]).write_text(\'{"status": "ok"}\')\n'
    )
    record = tmp_path / "record.json"
    command = [sys.executable, "-c", leave, str(record)]
    watch_training(command, record, None, memory_gb=1, limit_seconds=60, threads=1)
    assert json.loads(record.read_text())["status"] == "ok"
    assert not sleeping()


def test_it_waits_for_a_timed_run_and_its_limit_does_not(tmp_path, monkeypatch, holder):
    monkeypatch.setattr(watched, "SLACK_SECONDS", 1.0)
    tell = "import json, sys; json.dump({'status': 'ok', 'argv': sys.argv[2:]}, open(sys.argv[1], 'w'))"
    record, alone = tmp_path / "record.json", holder("exclusive")
    assert alone.read() == "holds"
    threading.Timer(2, alone.release).start()
    command = [sys.executable, "-c", tell, str(record)]
    watch_training(command, record, None, memory_gb=1, limit_seconds=0.1, threads=1)
    option, seconds = json.loads(record.read_text())["argv"]
    assert option == "--waited"
    assert float(seconds) > 1


def test_threads_are_set_before_a_training_starts(tmp_path):
    code = "import json, os, sys; json.dump({'status': 'ok', **os.environ}, open(sys.argv[1], 'w'))"
    record = tmp_path / "record.json"
    watch_training(
        [sys.executable, "-c", code, str(record)], record, None, memory_gb=1, limit_seconds=60, threads=3
    )
    assert {json.loads(record.read_text())[name] for name in THREADS} == {"3"}


def running(words: str) -> list[str]:
    """Command lines of processes that end with these words, and of no other test's."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
    return [line for line in found if line.endswith(words)]


def sleeping() -> list[str]:
    return running(f"sleep {SLEEP}")


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("processes", [1, 2])
def test_every_process_of_a_training_gets_the_arguments_as_they_are(tmp_path, processes):
    (tmp_path / "said.py").write_text(
        "import os, sys, json, pathlib\n"
        "pathlib.Path(__file__).with_name('said' + os.environ.get('RANK', '')).write_text(json.dumps(sys.argv[1:]))"
    )
    arguments = ["train", "--log", "a b.log", "--waited", "0.5"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run(training_command(processes, "said", arguments), env=environment, check=True)
    names = ["said"] if processes == 1 else ["said0", "said1"]
    assert [json.loads((tmp_path / name).read_text()) for name in names] == [arguments] * processes
