"""Compiled loops in as many threads as torch may use; the loops let go of Python's lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any


def in_threads(threads: int, work: Callable[[int], Any], parts: int) -> list[Any]:
    """What `work(k)` gives for each k below `parts`."""
    if threads == 1:
        return [work(k) for k in range(parts)]
    return list(_pool(threads).map(work, range(parts)))


def slices(size: int, parts: int) -> list[slice]:
    """`size` items cut into parts of equal size, or nearly."""
    return [slice(size * k // parts, size * (k + 1) // parts) for k in range(parts)]


@lru_cache(maxsize=1)  # kept: to start threads takes as long as a small image does
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "regbench")


os.register_at_fork(
    after_in_child=_pool.cache_clear
)  # a child has its parent's pool, but none of the threads
