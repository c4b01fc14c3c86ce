"""Training in a process of its own, so that a crash or too much memory ends as a record like any other failure."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from regbench.provenance import environment
from regbench.records import write_record
from regbench.runs.jobs import thread_variables
from regbench.runs.lock import machine_lock
from regbench.runs.supervisor import (
    LIBC,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    descendants,
    proportional_mb,
    resident_mb,
)

SLACK_SECONDS = 600.0  # beyond the limit of the training itself: for its start, its last step and validation
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
    command: list[str],
    record: Path,
    log: Path | None,
    memory_gb: float,
    limit_seconds: float,
    threads: int,
) -> None:
    """Run `command`, which trains and writes `record`; write a record of its failure if it ends without one.

    The machine's shared lock is held as long as it runs, and the seconds waited for it are its last argument, `--waited S`.
    `threads`: of each of its processes, as runs have them. The training keeps its time limit itself; one that hangs is
    killed SLACK_SECONDS after it, status timeout; one that needs more memory than `memory_gb` at once, status oom. All
    that it started is killed with it, and what it leaves behind when it ends.
    """
    record.unlink(missing_ok=True)
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)  # what its child leaves behind is then found below this process
    before = set(descendants(os.getpid()))
    with machine_lock("shared") as waited:
        start = time.monotonic()
        child = subprocess.Popen(
            [*command, "--waited", f"{waited:.3f}"],
            env={**os.environ, **thread_variables(threads)},
            preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        try:
            killed = _watch(child, memory_gb, start + limit_seconds + SLACK_SECONDS)
        finally:
            while left := set(descendants(os.getpid())) - before:
                _kill(left)
            child.wait()
    if killed or not record.exists():
        status = killed or ("oom" if child.returncode == SIGKILL else "error")
        message = {
            "oom": f"memory limit of {memory_gb:g} GB passed",
            "timeout": f"time limit of {limit_seconds:g} s passed long ago: the training hung, and was killed",
            None: f"training ended with {child.returncode}",
        }[killed]
        tail = (
            log.read_text(encoding="utf8", errors="replace").splitlines()[-TAIL:]
            if log and log.exists()
            else []
        )
        facts = {"model": None, "curve": None, "seconds": time.monotonic() - start, "steps": 0}
        facts["environment"] = environment()
        write_record(record, {"status": status, "message": message, "log_tail": tail, **facts})


def _watch(child: subprocess.Popen, memory_gb: float, deadline: float) -> Literal["oom", "timeout"] | None:
    """Wait for the end, or until the child has used too much memory or hung too long: which of them."""
    while child.poll() is None:
        time.sleep(0.2)
        pids = [child.pid, *descendants(child.pid)]
        used_mb = sum(map(resident_mb, pids))
        if used_mb > memory_gb * 2**10 and len(pids) > 1:
            used_mb = sum(map(proportional_mb, pids))  # dear, so only when it can matter
        if used_mb > memory_gb * 2**10:
            return "oom"
        if time.monotonic() > deadline and child.poll() is None:
            return "timeout"
    return None


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.waitpid(pid, os.WNOHANG)
    time.sleep(0.01)
