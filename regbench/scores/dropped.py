"""Fields given up once they are scored (the study's `fields.keep`): the run's record then carries the scores itself."""

from pathlib import Path
from typing import Any

from regbench.records import read_record, write_record
from regbench.runs.keys import score_key
from regbench.scores.pair import COLUMNS, Row

NAMES = len(COLUMNS[: COLUMNS.index("metric")])  # columns that say whose score it is and how its run ended


def kept_scores(pair: Row, run: dict[str, Any], scored_by: str) -> list[Row] | None:
    """The rows of a run whose field was dropped, None of one that has its field.

    Raises ValueError when they were made by other settings, code or data than `scored_by` and the pair say now.
    """
    if not (scores := run.get("scores")):
        return None
    if scores["key"] != score_key(pair, scored_by):
        raise ValueError(
            f"pair {pair['pair']}: its field was dropped after scoring (fields.keep), and those scores no longer hold"
        )
    known = [run[name] for name in COLUMNS[: NAMES - 1]]
    return [dict(zip(COLUMNS, [*known, "ok", *row], strict=True)) for row in scores["rows"]]


def check_dropped(pairs: list[Row], runs: Path, scored_by: str) -> None:
    """Raise ValueError, before anything is scored, when runs must be done again for the scores that are asked for."""
    lost = []
    for pair in pairs:
        try:
            kept_scores(pair, read_record(runs / f"{pair['pair']}.json"), scored_by)
        except FileNotFoundError:
            continue  # the scoring of this pair says so
        except ValueError:
            lost.append(pair["pair"])
    if lost:
        raise ValueError(
            f"{runs}: the fields of {len(lost)} pairs ({lost[0]}, …) were dropped after scoring (fields.keep), and the "
            f"scores kept of them no longer hold; delete {runs / 'batch.json'} and run snakemake: it registers them again"
        )


def drop_fields(pairs: list[Row], runs: Path, rows: list[Row], scored_by: str) -> None:
    """Delete the fields of those of `pairs` that are ok in every row of theirs, after keeping the rows in the record."""
    for pair in pairs:
        path = runs / f"{pair['pair']}.json"
        fixed, moving = pair["pair"].split("__")
        own = [row for row in rows if (row["fixed"], row["moving"]) == (fixed, moving)]
        if not own or any(row["status"] != "ok" for row in own):
            continue
        record = read_record(path)
        if not record.get("scores"):
            kept = {
                "key": score_key(pair, scored_by),
                "rows": [[row[name] for name in COLUMNS[NAMES:]] for row in own],
            }
            write_record(path, {**record, "field": None, "scores": kept})
        (runs / f"{pair['pair']}.nii.gz").unlink(missing_ok=True)  # also what a kill left after the record
