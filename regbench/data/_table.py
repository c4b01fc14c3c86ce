"""A table of scans (CSV, or TSV by its name) as rows that know their line."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from regbench.problems import nearest


@dataclass(frozen=True)
class Row:
    """One line: `values` by column, stripped; an empty cell is the empty string."""

    line: int
    values: dict[str, str]

    def get(self, column: str) -> str:
        """The cell, or an empty string where the table has no such column."""
        return self.values.get(column, "")


def read_rows(path: Path, renamed: Mapping[str, str], needed: list[str], todo: str) -> list[Row]:
    """Rows of a UTF-8 table. `renamed` maps our name of a column to the table's; both names then hold the cell.

    `todo`: what to do where one of the `needed` columns is missing.

    ValueError names the file and what is wrong: absent, a column missing, a line with too many or too few cells.
    """
    if not path.is_file():
        raise ValueError(
            f"{path}: no such file; `path` is the table of scans, relative to the working directory"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(
                file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True
            )
            header = [(name or "").strip() for name in reader.fieldnames or []]
            _check_header(path, header, renamed, needed, todo)
            reader.fieldnames = header
            return [_row(path, reader.line_num, cells, renamed) for cells in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a table of comma-separated UTF-8 text ({error})") from error


def _check_header(
    path: Path, header: list[str], renamed: Mapping[str, str], needed: list[str], todo: str
) -> None:
    wanted = {renamed.get(name, name) for name in needed} | set(renamed.values())
    missing = sorted(wanted - set(header))
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if missing:
        guess = nearest(missing[0], header)
        raise ValueError(
            f"{path}: no column {', '.join(missing)}{guess} (found {', '.join(header) or 'an empty file'}); {todo}"
        )
    if twice:
        raise ValueError(f"{path}: column {', '.join(twice)} is there twice")


def _row(path: Path, line: int, cells: dict[str, str], renamed: Mapping[str, str]) -> Row:
    if None in cells or None in cells.values():
        raise ValueError(f"{path}, line {line}: not as many cells as columns; quote names that hold a comma")
    values = {column: cell.strip() for column, cell in cells.items()}
    return Row(line, {**values, **{ours: values[theirs] for ours, theirs in renamed.items()}})
