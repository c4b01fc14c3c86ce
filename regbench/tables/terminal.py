"""Tables on the terminal."""

import textwrap
from pathlib import Path

WIDTH = 120


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
