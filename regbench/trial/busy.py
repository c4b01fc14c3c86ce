"""How many threads are at work at once in the processes that this one started."""

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from regbench.interrupted import stat_fields
from regbench.runs.supervisor import descendants

EVERY = 0.005  # seconds


class BusyThreads:
    """Within a `with` block, from when the file `since` is there, looks at every thread of every descendant.

    A thread is at work that runs or is ready to (state R): on a busy machine none is hidden for want of a processor, as it
    would be in processor seconds. `mean`: over the looks at which any was at work; `looks`: how many these were.
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
    me = str(os.getpid())
    files = [file for pid in descendants(me) for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return sum(fields[0] == "R" and fields[1] != me for fields in map(stat_fields, files) if fields)
