"""The training curve, as rows of a CSV and as TensorBoard events."""

import csv
import io
from pathlib import Path

from regbench.records import write_text

Row = tuple[int, str, str, float]  # step, split (train, val), name of the term, value
COLUMNS = ("step", "split", "name", "value")


class Curve:
    """Rows so far. They travel with the checkpoint, so that after a kill the curve goes on where the weights do."""

    def __init__(self, folder: Path, rows: list[Row], kept: bool = True) -> None:
        self.rows, self.kept = rows, kept  # of several processes one keeps the files
        if not kept:
            return
        from torch.utils.tensorboard import SummaryWriter  # slow to import

        self.path = folder / "curve.csv"
        self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=rows[-1][0] + 1 if rows else 0)

    def add(self, step: int, split: str, values: dict[str, float]) -> None:
        """One point of each term."""
        for name, value in values.items():
            self.rows.append((step, split, name, value))
            if self.kept:
                self._events.add_scalar(f"{split}/{name}", value, step)

    def write(self) -> None:
        """Write the CSV (the whole curve, atomically) and let TensorBoard see what there is."""
        if not self.kept:
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())
        self._events.flush()

    def close(self) -> None:
        self.write()
        if self.kept:
            self._events.close()
