"""CSV files as data frames."""

from pathlib import Path
from typing import Any

import pandas as pd

# To a type checker without pandas' stubs every selection of a frame may be anything; these names say what is meant.
Frame = Any
Column = Any

NUMBERS = ("value", "label", "seconds", "call", "threads", "peak_memory_mb", "peak_device_memory_mb")


def read_table(path: Path | str) -> Frame:
    """A CSV of this package: names stay text (subject 007, a subject called NA), empty numbers are NaN."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name in frame.columns.intersection(NUMBERS):
        frame[name] = pd.to_numeric(frame[name])
    return frame
