"""Tables' CSV files as numbers."""

from pathlib import Path

import pandas as pd

from regbench.tables.frames import Frame, read_table

TEXTS = {
    "block", "task", "row", "method", "variant", "failures", "metric", "method_a", "variant_a", "method_b", "variant_b",
    "winner", "device", "machine", "clock", "training_machine",
}  # fmt: skip


def read_numbers(path: Path) -> Frame:
    """A table with names as text, `control` as bool and all else as numbers, NaN where there is none."""
    table = read_table(path)
    for name in table.columns:
        if name == "control":
            table[name] = table[name] == "True"
        elif name not in TEXTS and not name.endswith("_mark"):
            table[name] = pd.to_numeric(table[name], errors="coerce")
    return table
