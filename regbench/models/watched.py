"""Training in a process of its own, so that a crash or too much memory ends as a record like any other failure."""

import subprocess
import time
from pathlib import Path

import psutil

from regbench.provenance import environment
from regbench.records import write_record

TAIL = 20  # lines of the log kept in a record
SIGKILL = -9


def watch_training(command: list[str], record: Path, log: Path | None, memory_gb: float) -> None:
    """Run `command`, which trains and writes `record`; write a record of its failure if it ends without one.

    The process is killed, status oom, when its memory passes `memory_gb`. The training itself keeps its time limit.
    """
    record.unlink(missing_ok=True)
    child = subprocess.Popen(command)
    try:
        killed = _watch(child, memory_gb)
    finally:
        child.kill()
        child.wait()
    if killed or not record.exists():
        status = "oom" if killed or child.returncode == SIGKILL else "error"
        message = (
            f"memory limit of {memory_gb:g} GB passed"
            if killed
            else f"training ended with {child.returncode}"
        )
        tail = (
            log.read_text(encoding="utf8", errors="replace").splitlines()[-TAIL:]
            if log and log.exists()
            else []
        )
        facts = {"model": None, "curve": None, "seconds": 0.0, "steps": 0, "environment": environment()}
        write_record(record, {"status": status, "message": message, "log_tail": tail, **facts})


def _watch(child: subprocess.Popen, memory_gb: float) -> bool:
    """Wait for the end; True when the child was found to use too much memory, and killed."""
    while child.poll() is None:
        time.sleep(0.2)
        try:
            used = psutil.Process(child.pid).memory_info().rss
        except psutil.NoSuchProcess:
            continue
        if used > memory_gb * 2**30:
            child.kill()
            return True
    return False
