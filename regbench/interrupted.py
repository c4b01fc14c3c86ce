"""After a SIGKILL the same command goes on: no lock and no job outlives the Snakemake that it belonged to."""

import fcntl
import os
import threading
import time
from pathlib import Path

MAIN = "REGBENCH_SNAKEMAKE_PID"
_held: list[int] = []  # the main process keeps its lock open until it ends


def clear_stale_locks(snakemake_folder: Path) -> None:
    """Remove the working-directory locks that a killed Snakemake left in `.snakemake/locks`.

    Each Snakemake holds a kernel lock on a file beside them while it lives; who gets that lock knows that the locks
    found there belong to nobody. Where another Snakemake is alive nothing is touched, and Snakemake itself says so.
    """
    snakemake_folder.mkdir(exist_ok=True)
    handle = os.open(snakemake_folder / "regbench.alive", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return
    _held.append(handle)
    for lock in (snakemake_folder / "locks").glob("*.lock"):
        lock.unlink(missing_ok=True)


def announce_main() -> None:
    """Let this Snakemake's jobs know its process, see `end_with_main`."""
    os.environ[MAIN] = str(os.getpid())


def end_with_main(interval: float = 1.0) -> None:
    """End this job soon after the Snakemake that started it is gone, so that a rerun does not meet its ghost.

    Does nothing on another machine (a cluster node), where that process is no ancestor of this one.
    """
    main = os.environ.get(MAIN, "")
    if main.isdigit() and int(main) in _ancestors():
        threading.Thread(target=_watch, args=(int(main), _started(int(main)), interval), daemon=True).start()


def _watch(main: int, started: str | None, interval: float) -> None:
    while _started(main) == started:
        time.sleep(interval)
    os._exit(137)


def _ancestors() -> list[int]:
    found, process = [], os.getppid()
    while process > 1:
        found.append(process)
        fields = _stat(process)
        process = int(fields[1]) if fields else 0
    return found


def _started(process: int) -> str | None:
    """The kernel's start time of a process (a process number may be used again), None once it is gone or a zombie."""
    fields = _stat(process)
    return fields[19] if fields and fields[0] != "Z" else None


def stat_fields(file: Path) -> list[str]:
    """Fields of a process's or a thread's stat in /proc (proc(5)), from the state on; empty where it is gone."""
    try:
        return file.read_text(errors="replace").rpartition(") ")[2].split()
    except OSError:
        return []


def _stat(process: int) -> list[str]:
    return stat_fields(Path(f"/proc/{process}/stat"))
