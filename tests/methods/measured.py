"""A method within another one, which says how many threads its computing kept busy, and how many did a share of it."""

import resource
import time
from pathlib import Path

import numpy as np

from regbench.methods.contract import load_method


class Measured:
    """`method`: "package.module:Class", made with `options`. Prints, for every call, seconds that threads ran over seconds, and
    how many threads did at least a tenth of it, whenever they did.

    Seconds that a thread was ready to run and waited for a processor count as well, where the kernel tells them (of threads
    that are still there), so that a busy machine hides no thread.
    """

    def __init__(self, method: str, options: dict):
        self.method = load_method(method, options)
        self.for_pair = getattr(self.method, "for_pair", lambda pair: None)

    def setup(self, context):
        self.method.setup(context)

    def register(self, fixed, moving):
        before, ran, start = _threads(), _ran(), time.perf_counter()
        field = self.method.register(fixed, moving)
        seconds, ran = time.perf_counter() - start, _ran() - ran
        after = {thread: values - before.get(thread, 0) for thread, values in _threads().items()}
        waited = sum(wait for _, wait in after.values())
        print((ran + waited) / seconds, sum(run > 0.1 * ran for run, _ in after.values()))
        return field


def _ran() -> float:
    """Processor seconds of all threads of this process, and of the processes it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _threads() -> dict[str, np.ndarray]:
    """Seconds that each thread ran, and was ready and had no processor; Documentation/scheduler/sched-stats.rst of Linux."""
    files = Path("/proc/self/task").glob("*/schedstat")
    return {file.parent.name: np.array(file.read_text().split()[:2], float) / 1e9 for file in files}
