"""Score the runs of one batch."""

import csv
import io
import logging
from pathlib import Path
from typing import Literal

from regbench.problems import StepFailed
from regbench.progress import Progress
from regbench.records import read_record, write_text
from regbench.scores.dropped import check_dropped, drop_fields, kept_scores
from regbench.scores.pair import COLUMNS, Row, Session, score_pair, unscored
from regbench.study import ScoreSettings

LOG = logging.getLogger(__name__)


def score_batch(
    pairs: Path,
    runs: Path,
    out: Path,
    settings: ScoreSettings,
    threads: int = 1,
    keep: Literal["all"] | int = "all",
    scored_by: str = "",
    on_failure: Literal["record", "stop"] = "record",
    log: Path | None = None,
) -> None:
    """Score every pair of a batch and write scores/TASK/METHOD/VARIANT/BATCH.csv, whole or not at all.

    pairs: the batch's pairs record; runs: its folder runs/TASK/METHOD/VARIANT/rR_bK; threads: for surface distances.
    A run that failed, or whose scoring fails, becomes rows with a status and no value: no pair is ever left out. Where it is to
    stop at a failure, a scoring that fails raises StepFailed instead, which names `log`.
    Then the fields of all but the first `keep` pairs are deleted; `scored_by` says with what settings and code they
    were scored. Raises ValueError when scores need fields that an earlier scoring dropped.
    """
    session = Session(settings, threads)
    # Pairs of one fixed scan follow one another, so that it is prepared for scoring once.
    todo = sorted(read_record(pairs)["pairs"], key=lambda pair: pair["pair"])
    check_dropped(todo, runs, scored_by)
    rows: list[Row] = []
    progress = Progress("/".join(("scores", *runs.parts[-4:])), len(todo), "pair")
    for done, pair in enumerate(todo, 1):
        scored, error = _score_safely(pair, runs, session, scored_by)
        if error and on_failure == "stop":
            told = {"status": "error", "message": f"{type(error).__name__}: {error}"}
            raise StepFailed(f"scoring of {runs.name}/{pair['pair']}", told, log) from error
        rows += scored
        progress.step(done)
    write_text(out, _csv(rows))
    if keep != "all":
        drop_fields(todo[keep:], runs, rows, scored_by)


def _score_safely(
    pair: Row, runs: Path, session: Session, scored_by: str
) -> tuple[list[Row], Exception | None]:
    """A pair's rows, and why they have no values where its scoring failed."""
    run = _identity(pair, runs)
    try:
        run |= read_record(runs / f"{pair['pair']}.json")
        if (kept := kept_scores(pair, run, scored_by)) is not None:
            return kept, None
        return score_pair(pair, run, session.settings, session), None
    except Exception as error:  # failure is data: whatever happened, the other pairs go on
        LOG.exception("%s: pair %s could not be scored", runs, pair["pair"])
        return unscored(pair, run, "error"), error


def _identity(pair: Row, runs: Path) -> Row:
    """Whose run this is, by the folder's name: known even when the run's own record is not readable."""
    task, method, variant, batch = runs.parts[-4:]
    fixed, moving = pair["pair"].split("__")
    repetition = int(batch.split("_")[0].removeprefix("r"))
    return dict(zip(COLUMNS, (task, fixed, moving, method, variant, repetition), strict=False))


def _csv(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([row[name] for name in COLUMNS] for row in rows)
    return text.getvalue()
