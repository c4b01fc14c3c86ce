"""Training in a process of its own, so that a crash or too much memory ends as a record like any other failure."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
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
    kill_descendants,
    proportional_mb,
    resident_mb,
)

SLACK_SECONDS = 600.0  # beyond the limit of the training itself: for its start, its last step and validation
GRACE_SECONDS = 60.0  # to end in, once the record is written
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
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)  # what its child leaves behind is then found below this process
    main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGTERM, _end) if main else None  # so that all is killed that it started
    before = descendants(os.getpid())
    with machine_lock("shared") as waited:
        record.unlink(missing_ok=True)
        start = time.monotonic()
        child = subprocess.Popen(
            [*command, "--waited", f"{waited:.3f}"],
            env={**os.environ, **thread_variables(threads)},
            preexec_fn=end_with_parent,
        )
        try:
            killed = _watch(child, record, memory_gb, start + limit_seconds + SLACK_SECONDS)
        finally:
            kill_descendants(*before)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(1)  # it is gone, unless it is stuck in the kernel
            if main:
                signal.signal(signal.SIGTERM, handler)
    if not record.exists():
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


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends: a training must not outlive who holds the lock for it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(
    child: subprocess.Popen, record: Path, memory_gb: float, deadline: float
) -> Literal["oom", "timeout"] | None:
    """Wait for the end, or until the child has used too much memory or hung too long: which of them.

    One that has written its record has only to end: GRACE_SECONDS are enough.
    """
    while child.poll() is None:
        time.sleep(0.2)
        pids = [child.pid, *descendants(child.pid)]
        used_mb = sum(map(resident_mb, pids))
        if used_mb > memory_gb * 2**10 and len(pids) > 1:
            used_mb = sum(map(proportional_mb, pids))  # dear, so only when it can matter
        if used_mb > memory_gb * 2**10:
            return "oom"
        if record.exists():
            deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
        if time.monotonic() > deadline and child.poll() is None:
            return "timeout"
    return None


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)
