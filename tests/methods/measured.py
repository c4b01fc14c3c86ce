"""A method within another one, which says how many threads its computing kept busy."""

import resource
import time
from pathlib import Path

from regbench.methods.contract import load_method


class Measured:
    """`method`: "package.module:Class", made with `options`. Prints, for every call, seconds that threads ran over seconds.

    Seconds that a thread was ready to run and waited for a processor count as well, where the kernel tells them (of threads
    that are still there), so that a busy machine hides no thread.
    """

    def __init__(self, method: str, options: dict):
        self.method = load_method(method, options)
        self.for_pair = getattr(self.method, "for_pair", lambda pair: None)

    def setup(self, context):
        self.method.setup(context)

    def register(self, fixed, moving):
        waited, ran, start = _waited(), _ran(), time.perf_counter()
        field = self.method.register(fixed, moving)
        seconds, ran = time.perf_counter() - start, _ran() - ran
        waited = sum(waiting - waited.get(thread, 0.0) for thread, waiting in _waited().items())
        print((ran + waited) / seconds)
        return field


def _ran() -> float:
    """Processor seconds of all threads of this process, and of the processes it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _waited() -> dict[str, float]:
    """Seconds that each thread was ready and had no processor; Documentation/scheduler/sched-stats.rst of Linux."""
    files = Path("/proc/self/task").glob("*/schedstat")
    return {file.parent.name: int(file.read_text().split()[1]) / 1e9 for file in files}
