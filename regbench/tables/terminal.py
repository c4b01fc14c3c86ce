"""Tables on the terminal."""

import textwrap
from pathlib import Path

WIDTH = 120


def study_folder(study: Path) -> Path:
    """The folder of a study's results, given as such or by the study's name."""
    return study if study.is_dir() or len(study.parts) > 1 else Path("results") / study


def print_tables(results: Path) -> None:
    """Print a study's tables and say where the files are. `results`: the study's folder.

    Raises FileNotFoundError when there are none yet.
    """
    folder = results / "tables"
    texts = sorted(folder.glob("table*.md")) + sorted(folder.glob("gap.md"))
    if not texts:
        raise FileNotFoundError(f"{folder}: no tables yet; run snakemake (or make demo) first")
    for path in texts:
        print(readable(path.read_text(encoding="utf8")))
    names = " ".join(sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")))
    print(readable(f"Tables: {folder}/ ({names})"))
    print(f"Every score: {results / 'scores.csv'}\nEvery time:  {results / 'timings.csv'}")


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
    """Markdown as a terminal shows it best: no marks of emphasis, long lines folded, tables as they are."""
    lines = []
    for line in text.replace("**", "").splitlines():
        if line.startswith("|") or not line:
            lines.append(line)
        else:
            lines += textwrap.wrap(
                line.removeprefix("# "), WIDTH, subsequent_indent="  " * line.startswith("- ")
            )
    return "\n".join(lines) + "\n"
