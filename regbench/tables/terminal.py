"""Tables on the terminal."""

import re
import textwrap
from itertools import groupby
from pathlib import Path

from regbench.tables.document import SIGNS
from regbench.tables.formats import markdown_table

WIDTH = 120
BOLD = re.compile(r"\*\*(.+?)\*\*")
BAR = re.compile(r"(?<!\\)\|")
MARKS = ("*", *SIGNS.values())


def study_folder(study: Path) -> Path:
    """The folder of a study's results, given as such or by the study's name."""
    return study if study.is_dir() or len(study.parts) > 1 else Path("results") / study


def print_tables(results: Path) -> None:
    """Print a study's tables and say where the files are. `results`: the study's folder.

    Raises FileNotFoundError when there are none yet.
    """
    folder = results / "tables"
    texts = [path for name in ("table*.md", "gap.md", "followup.md") for path in sorted(folder.glob(name))]
    if not texts:
        raise FileNotFoundError(f"{folder}: no tables yet; run snakemake (or make demo) first")
    for path in texts:
        print(readable(path.read_text(encoding="utf8")))
    names = " ".join(sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")))
    print(readable(f"Tables: {folder}/ ({names})"))
    print(f"Every score: {results / 'scores.csv'}\nEvery time:  {results / 'timings.csv'}")
    if (results / "report.html").is_file():
        print(f"To look at:  {results / 'report.html'} (in a browser: tables, figures, images, claims)")


def print_claims(results: Path) -> None:
    """Print the verdict on each of the paper's claims. `results`: the study's folder.

    Raises FileNotFoundError when there is none yet.
    """
    path = results / "tables" / "claims.md"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no verdicts yet; run snakemake, or `snakemake paper_tables` where there are scores already, "
            "with the study's --configfile"
        )
    print(readable(path.read_text(encoding="utf8")))
    print(f"All digits: {path.with_suffix('.csv')}")


def readable(text: str) -> str:
    """Markdown as a terminal shows it best: the best of a column starred, no marks of emphasis, long lines folded."""
    lines = []
    for of_a_table, part in groupby(text.splitlines(), lambda line: line.startswith("|")):
        lines += (_table if of_a_table else _prose)(list(part))
    return "\n".join(lines) + "\n"


def _table(lines: list[str]) -> list[str]:
    """The same table, its marks behind the numbers and the numbers of a column below each other."""
    header, rule, *rows = ([cell.strip() for cell in BAR.split(line)[1:-1]] for line in lines)
    columns = [
        [BOLD.sub(r"\1*", cell).replace(r"\|", "|") for cell in column] for column in zip(*rows, strict=True)
    ]
    texts = [k for k, dashes in enumerate(rule) if dashes.startswith(":")]
    for k, column in enumerate(columns):
        if k not in texts and any(cell.endswith(MARKS) for cell in column):
            columns[k] = [cell if cell.endswith(MARKS) else f"{cell} " for cell in column]
    table = markdown_table(header, [list(row) for row in zip(*columns, strict=True)], texts)
    return [
        line[2:-2] for line in table.splitlines()
    ]  # Markdown needs no outer bars, and a terminal is narrow


def _prose(lines: list[str]) -> list[str]:
    return [folded for line in lines for folded in _folded(line)]


def _folded(line: str) -> list[str]:
    if line.startswith("- "):
        return textwrap.wrap(BOLD.sub(r"\1*", line), WIDTH, subsequent_indent="  ")
    return textwrap.wrap(BOLD.sub(r"\1", line.removeprefix("# ")), WIDTH) or [""]
