"""A lock over the whole machine: accuracy runs and training share it, timed runs have it alone.

It is flock on a file that every user of the machine can open, so the kernel frees it when a holder dies, however it
dies. A second file is a turnstile: who waits for the lock alone holds it, so that newcomers who would share the lock
queue behind and cannot starve it.
"""

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Mode = Literal["shared", "exclusive"]
_held = False


def lock_path() -> Path:
    """REGBENCH_LOCK, or a file in /tmp: not TMPDIR, which schedulers set apart for each job."""
    folder = Path("/tmp") if os.path.isdir("/tmp") else Path(tempfile.gettempdir())
    return Path(os.environ.get("REGBENCH_LOCK") or folder / "regbench.lock")


@contextmanager
def machine_lock(mode: Mode) -> Iterator[float]:
    """Hold the machine; yields the seconds waited. Logs a line when it has to wait.

    Not to be nested: a holder that asked again while someone waits alone would wait for ever (RuntimeError).
    """
    global _held
    if _held:
        raise RuntimeError("this process already holds the machine's lock; it cannot be taken twice")
    path = lock_path()
    start = time.monotonic()
    lock, turnstile = _open(path), _open(path.with_name(path.name + ".turn"))
    try:
        for handle, how in ((turnstile, fcntl.LOCK_EX), (lock, _flag(mode))):
            _take(handle, how, mode)
        os.close(turnstile)
        turnstile = None
        _held = True
        yield time.monotonic() - start
    finally:
        _held = False
        for handle in (lock, turnstile):
            if handle is not None:
                os.close(handle)


def _flag(mode: Mode) -> int:
    return {"shared": fcntl.LOCK_SH, "exclusive": fcntl.LOCK_EX}[mode]


def _take(handle: int, how: int, mode: Mode) -> None:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        reason = "a timed run" if mode == "shared" else "other runs of regbench, to measure time alone"
        logging.getLogger("regbench.progress").info("waiting for %s on this machine to end", reason)
        fcntl.flock(handle, how)


def _open(path: Path) -> int:
    """Open without creating first: in /tmp the kernel may refuse O_CREAT on a file that another user made."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    for _ in range(2):
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            _create(path)
    return os.open(path, flags)


def _create(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return
    os.fchmod(handle, 0o666)  # whatever this user's umask says
    os.close(handle)
