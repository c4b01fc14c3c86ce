"""What is read of each setting, and what is written of the choice: on files as earlier stages leave them."""

import csv
import json
from pathlib import Path

import pytest

from regbench.records import read_record, write_record
from regbench.scores.pair import COLUMNS
from regbench.tables.tuned import write_page
from regbench.tuning.tune import tried_settings, write_choice
from tests.tables.example import METHODS

PAIRS = (("a", "b"), ("b", "a"))
CHANGES = [{}, {"sigma": 2}, {"sigma": 3}]


def setting(
    folder: Path, errors: tuple[float | None, float | None], folding: float = 0.1, failed: str = "timeout"
) -> Path:
    """Scores (a pair without an error `failed`), a batch of two runs of 2.3 s each, and a training of 50 s."""
    rows = []
    for (fixed, moving), error in zip(PAIRS, errors, strict=True):
        names = {"task": "mono", "fixed": fixed, "moving": moving, "method": "syn", "variant": folder.name}
        ok = error is not None
        for metric, label, value in (
            ("error", "", error),
            ("dsc", "", 0.7),
            ("dsc", 4, 0.1),
            ("folding", "", folding),
        ):
            row = {
                **names,
                "repetition": 0,
                "status": "ok" if ok else failed,
                "metric": metric,
                "label": label,
            }
            rows.append(row | {"value": value if ok else "", "unit": ""})
        write_record(folder / f"{fixed}__{moving}.json", {"wall_seconds": 2.3})
    write_record(folder / "batch.json", {"pairs": [f"{fixed}__{moving}" for fixed, moving in PAIRS]})
    write_record(folder / "record.json", {"status": "ok", "seconds": 50.0})
    with (folder / "r0_val.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return folder


def tried(folders: list[Path], trains: bool = False):
    files = {
        name: [folder / name for folder in folders] for name in ("r0_val.csv", "batch.json", "record.json")
    }
    models = files["record.json"] if trains else []
    return tried_settings(CHANGES, files["r0_val.csv"], files["batch.json"], models)


@pytest.fixture
def folders(tmp_path) -> list[Path]:
    errors = ((3.0, 2.0), (1.0, None), (2.0, 1.0))
    return [setting(tmp_path / f"setting{n}", each) for n, each in enumerate(errors)]


def test_means_are_over_pairs_and_hold_no_row_of_a_single_label(folders):
    default, failing, other = tried(folders, trains=True)
    assert default.means == pytest.approx({"error": 2.5, "dsc": 0.7, "folding": 0.1})
    assert (default.pairs, default.failed, failing.pairs, failing.failed) == (2, 0, 2, 1)
    assert (other.changes, other.run_seconds, failing.run_seconds) == (
        {"sigma": 3},
        pytest.approx(4.6),
        pytest.approx(4.6),  # a pair that failed has cost what it cost
    )
    assert {each.train_seconds for each in (default, failing, other)} == {50.0}


def test_a_pair_that_no_setting_could_run_counts_for_none(tmp_path):
    errors = ((3.0, None), (1.0, None), (2.0, None))
    made = [setting(tmp_path / f"setting{n}", each, failed="skipped") for n, each in enumerate(errors)]
    assert [(each.pairs, each.failed, each.eligible(0.5)) for each in tried(made)] == [(1, 0, True)] * 3
    setting(made[1], (1.0, 1.0))  # a pair that one setting ran and others did not is their failure
    assert [each.failed for each in tried(made)] == [1, 0, 1]


def test_the_report_tells_the_choice_and_what_it_cost(folders, tmp_path):
    write_choice(tmp_path / "syn.json", tried(folders, trains=True), 0.5, {"task": "mono", "method": "syn"})
    report = read_record(tmp_path / "syn.json")
    assert (report["chosen"], report["options"], report["criterion"]) == (2, {"sigma": 3}, "error")
    assert (report["eligible"], report["pairs"], len(report["settings"])) == (2, 2, 3)
    assert (report["run_seconds"], report["train_seconds"]) == (pytest.approx(13.8), 150.0)
    with (tmp_path / "syn.csv").open(newline="") as file:
        grid = list(csv.DictReader(file))
    assert [json.loads(row["changes"]) for row in grid] == CHANGES
    assert [row["chosen"] for row in grid] == ["False", "False", "True"]
    assert [row["failed"] for row in grid] == ["0", "1", "0"]


def test_options_differ_when_the_choice_does_and_not_when_more_was_tried(folders, tmp_path):
    found = []
    for number, limit in ((3, 0.5), (2, 0.5), (3, 0.0)):
        write_choice(tmp_path / "syn.json", tried(folders)[:number], limit, {"task": "mono", "method": "syn"})
        found.append((tmp_path / "syn.options.json").read_text())
    assert (
        found[1] == found[2] != found[0]
    )  # the default, as the better setting was left out or folds too much
    setting(folders[2], (2.0, 1.5))
    write_choice(tmp_path / "syn.json", tried(folders), 0.5, {"task": "mono", "method": "syn"})
    assert (tmp_path / "syn.options.json").read_text() == found[0]


def test_where_nothing_is_eligible_the_default_is_kept_and_readers_are_told(folders, tmp_path):
    out = tmp_path / "tuning" / "mono" / "syn.json"
    write_choice(out, tried(folders), 0.0, {"task": "mono", "method": "syn"})
    assert read_record(out.with_suffix(".options.json")) == {"options": {}}
    write_page([out], tmp_path / "tuning.md", METHODS)
    assert "SyN: default, as none of 3 settings on 2 pairs" in (tmp_path / "tuning.md").read_text()


def test_the_page_shows_every_setting_and_marks_the_chosen_one(folders, tmp_path):
    out = tmp_path / "tuning" / "mono" / "syn.json"
    write_choice(out, tried(folders, trains=True), 0.5, {"task": "mono", "method": "syn"})
    write_page([out], tmp_path / "tuning.md", METHODS)
    text = (tmp_path / "tuning.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ][2:]
    assert [row[1:5] for row in rows] == [
        ["default", "2.50", "0.100", "0 of 2"],
        ["sigma 2", "1.00", "0.100", "1 of 2"],
        ["sigma 3", "1.50", "0.100", "0 of 2"],
    ]
    assert [row[-1] for row in rows] == ["", "not eligible", "chosen"]
    assert (
        "lowest mean Error, 1.50 instead of 2.50; of 3 settings on 2 pairs, 14 s of runs and 2 min of training"
        in text
    )
