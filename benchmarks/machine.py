"""What the benchmarks share: where and on which versions they ran, the memory they took, and how numbers are kept."""

import contextlib
import ctypes
import datetime
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from regbench import provenance
from regbench.runs.supervisor import high_water_mb, reset_high_water, resident_mb

RESULTS = Path(__file__).parent / "results"


def machine(device: str, threads: int, *peers: str) -> dict[str, Any]:
    """Machine, device, threads, versions (of `peers` too), commit and date; no host name."""
    facts = {name: value for name, value in provenance.environment().items() if name != "host"}
    facts["libraries"] = facts["libraries"] | {name: provenance.version(name) for name in peers}
    return facts | {"device": device, "threads": threads, "date": datetime.date.today().isoformat()}


def keep(name: str, where: dict[str, Any], rows: list[dict[str, Any]], summary: dict[str, float]) -> None:
    """Write benchmarks/results/NAME.json: the numbers and where they were measured."""
    RESULTS.mkdir(exist_ok=True)
    rows, summary = [without_nan(row) for row in rows], without_nan(summary)
    content = {"summary": summary, "rows": rows, "measured": where}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def without_nan(numbers: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: null stands for it."""
    return {name: None if value != value else value for name, value in numbers.items()}


def refuse_failures(scores: pd.DataFrame) -> None:
    """End where a run of scores.csv failed: means over what is left would not be comparable."""
    failed = scores[scores.status != "ok"]
    if len(failed):
        raise SystemExit(f"runs that failed, nothing is compared:\n{failed.to_string(index=False)}")


def reset_peak_memory(device: str) -> float:
    """Begin a measurement of peak memory: what is in use now, MB."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 2**20
    with contextlib.suppress(
        OSError, AttributeError
    ):  # freed memory that is still held would not be seen again
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    reset_high_water(os.getpid())
    return resident_mb(os.getpid())


def peak_memory_mb(device: str) -> float:
    """The most that was in use since `reset_peak_memory`, MB."""
    if device == "cuda":
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() / 2**20
    return high_water_mb(os.getpid())
