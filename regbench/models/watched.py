"""Training in a process of its own, so that a crash or too much memory ends as a record like any other failure."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from regbench.provenance import environment
from regbench.records import write_record
from regbench.runs.jobs import thread_variables
from regbench.runs.supervisor import descendants, proportional_mb, resident_mb

TAIL = 20  # lines of the log kept in a record
SIGKILL = -9


def training_command(processes: int, module: str, arguments: list[str]) -> list[str]:
    """How a module that trains is started: by itself, or in several processes by torch's launcher."""
    if processes == 1:
        return [sys.executable, "-m", module, *arguments]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [
        sys.executable,
        *launcher,
        "-m",
        "--",
        module,
        *arguments,
    ]  # "--": what follows is not the launcher's


def watch_training(
    command: list[str], record: Path, log: Path | None, memory_gb: float, threads: int
) -> None:
    """Run `command`, which trains and writes `record`; write a record of its failure if it ends without one.

    `threads`: of each of its processes, as runs have them. It is killed with all it started, status oom, when their memory passes `memory_gb`. The training itself keeps its
    time limit.
    """
    record.unlink(missing_ok=True)
    start = time.monotonic()
    child = subprocess.Popen(command, env={**os.environ, **thread_variables(threads)})
    try:
        killed = _watch(child, memory_gb)
    finally:
        _kill(child)
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
        facts = {"model": None, "curve": None, "seconds": time.monotonic() - start, "steps": 0}
        facts["environment"] = environment()
        write_record(record, {"status": status, "message": message, "log_tail": tail, **facts})


def _watch(child: subprocess.Popen, memory_gb: float) -> bool:
    """Wait for the end; True when the child was found to use too much memory, and killed."""
    while child.poll() is None:
        time.sleep(0.2)
        pids = [child.pid, *descendants(child.pid)]
        used_mb = sum(map(resident_mb, pids))
        if used_mb > memory_gb * 2**10 and len(pids) > 1:
            used_mb = sum(map(proportional_mb, pids))  # dear, so only when it can matter
        if used_mb > memory_gb * 2**10:
            _kill(child)
            return True
    return False


def _kill(child: subprocess.Popen) -> None:
    """The child and what it started, where that still runs."""
    for pid in [*descendants(child.pid), child.pid] if child.poll() is None else []:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
