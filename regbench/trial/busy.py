"""How many threads are at work at once in the processes that this one started."""

import contextlib
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from regbench.runs.supervisor import descendants

EVERY = 0.005  # seconds


class BusyThreads:
    """Within a `with` block, from when the file `since` is there, looks at every thread of every descendant.

    A thread is at work that runs or is ready to: on a busy machine none is hidden for want of a processor, as it would be in
    processor seconds. `mean`: over the looks at which any was at work; `looks`: how many these were.
    """

    def __init__(self, since: Path) -> None:
        self.since, self.looks, self.seen = since, 0, 0
        self._end = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    @property
    def mean(self) -> float:
        return self.seen / max(1, self.looks)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._end.wait(EVERY):
            if self.since.exists() and (count := _at_work()):
                self.looks += 1
                self.seen += count


def _at_work() -> int:
    """Threads below the supervisors, which are our children and look around now and then."""
    me = os.getpid()
    stats = [_stat(file) for pid in descendants(me) for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return sum(state == "R" and parent != str(me) for state, parent, *_ in stats)


def _stat(file: Path) -> list[str]:
    """State and parent, as in proc(5): R is running or ready to run. Empty words for a thread that has ended."""
    with contextlib.suppress(OSError):
        return file.read_text(errors="replace").rpartition(")")[2].split()
    return ["", ""]
