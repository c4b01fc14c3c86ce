"""The supervisor by itself: one file, standard library only, and nothing outlives it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regbench.runs.jobs import SUPERVISOR
from regbench.runs.supervisor import Failure, understood

JOB = {
    "worker": None,
    "setup": {},
    "environment": {"A": "b"},
    "seconds": 60,
    "setup_seconds": 60,
    "memory_mb": 500,
}


def start(folder: Path, log: Path | None = None) -> subprocess.Popen[str]:
    """The supervisor in a Python that has no packages."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", SUPERVISOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    say(process, {**JOB, "log": str(log) if log else None, "scratch": str(folder / "scratch")})
    return process


def say(process: subprocess.Popen[str], message: dict) -> None:
    assert process.stdin
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def request(*argv: str) -> dict:
    return {"pair": "p", "calls": 1, "fresh": False, "request": {}, "argv": argv, "out": "/nowhere/p"}


def test_it_needs_the_standard_library_only_and_keeps_the_output(tmp_path):
    process = start(tmp_path, tmp_path / "log")
    say(process, request("sh", "-c", "echo $A; echo to stderr >&2; ls -d $TMPDIR"))
    assert process.stdout
    event = json.loads(process.stdout.readline())
    process.communicate()
    assert event["status"] == "ok"
    assert event["log_tail"][:2] == ["b", "to stderr"]
    assert not Path(event["log_tail"][2]).exists()
    assert (tmp_path / "log").read_text().splitlines() == event["log_tail"]
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_its_children_do_not_outlive_it(tmp_path, number):
    process = start(tmp_path)
    pid = tmp_path / "pid"
    # Many, so that their end takes a while; one that is killed leaves those in other sessions to its client.
    many = f"for _ in $(seq {100 if number == signal.SIGTERM else 0}); do setsid sleep 3600 & done"
    say(
        process,
        request("sh", "-c", f"{many}; echo $$ ${{!:-0}} > {pid}.part; mv {pid}.part {pid}; exec sleep 3600"),
    )
    while not pid.exists():
        time.sleep(0.02)
    while process.poll() is None:  # more than once, as the death of a parent with threads is told
        process.send_signal(number)
        time.sleep(0.001)
    process.communicate()
    assert number == signal.SIGKILL or not (tmp_path / "scratch").exists()
    first, last = map(int, pid.read_text().split())
    end = time.monotonic() + 30
    while _alive(first) or (last and _alive(last)):
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    "line",
    [
        b"\xff no text",
        b"",
        b"7",
        b"[" * 100_000,
        b'{"event": ["call"]}',
        b'{"event": "over"}',
        b'{"event": "ready", "seconds": NaN}',
        b'{"event": "ready", "seconds": "1"}',
        b'{"event": "ready", "seconds": 1, "more": 2}',
        b'{"event": "call", "call": 0, "load": 1, "compute": null, "save": 1}',
    ],
)
def test_what_is_no_answer_of_a_worker_is_a_failure_of_the_pair(line):
    with pytest.raises(Failure, match="no answer of its worker"):
        understood(line)
    assert understood(b'{"event": "ready", "seconds": 1}') == {"event": "ready", "seconds": 1}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
