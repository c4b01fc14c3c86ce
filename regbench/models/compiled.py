"""What the loops that are compiled for CPUs share: as many threads as torch may use. The loops let go of Python's lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import torch

COMPILED_FOR = ("cpu",)  # device types; others go through torch


def in_threads(work: Callable[[int], Any], parts: int) -> list[Any]:
    """What `work(k)` gives for each k below `parts`, in that order. Raises the first part's error that raises one.

    `work` must not call this again: it would wait for the thread that it is in.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        return [work(k) for k in range(parts)]
    return list(_pool(threads).map(work, range(parts)))


def portions(size: int, parts: int) -> list[slice]:
    """`size` items cut into so many parts of nearly equal size."""
    return [slice(size * k // parts, size * (k + 1) // parts) for k in range(parts)]


@lru_cache(maxsize=1)  # kept: to start threads takes as long as a small image does
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "regbench")


# A forked child has its parent's pool, but none of the threads.
os.register_at_fork(after_in_child=_pool.cache_clear)
