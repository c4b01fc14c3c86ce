"""speed.csv against numbers worked out by hand, and its intervals against every possible draw."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from regbench.tables.frames import read_table
from regbench.tables.medians import interval, resampled_medians
from regbench.tables.tables import write_tables
from tests.tables.example import (
    METHODS,
    calls,
    score_rows,
    study,
    timing_row,
    usual_scores,
    write_results,
)

OTHER = {"fixed": "s3", "moving": "s4"}
TRAINED = timing_row("mono", "dmi", 700.0, phase="train", call="", cold="", kind="training")
MEASURED = ["times_faster", "low", "high", "pairs_until_training_pays"]


def written(tmp_path, timings: list[dict], *, task: str = "mono", methods=METHODS, **changes):
    scores = changes.get("scores") or usual_scores(task)
    results = write_results(tmp_path / "tiny", scores, timings)
    write_tables(
        study(changes.get("kind", "phantom"), tables=(1 if task == "mono" else 2,)), results, methods
    )
    return results / "tables"


def rows(folder) -> list[dict]:
    table = read_table(folder / "speed.csv")
    return table[table["block"] == "measured"].to_dict("records")


def test_speed_up_and_pay_off_are_those_of_steady_compute_on_shared_pairs(tmp_path):
    timings = [
        *calls("mono", "syn", 90.0, 8.0, 10.0),
        *calls("mono", "syn", 90.0, 100.0, 100.0, **OTHER),  # DMI was not timed on this pair
        *calls("mono", "dmi", 30.0, 0.4, 0.6),
        *calls("mono", "identity", 1.0, 0.1),
        TRAINED,
        TRAINED | {"seconds": 1000.0, "repetition": 1},
    ]
    (row,) = rows(written(tmp_path, timings))
    assert (row["method"], row["against"], row["pairs"], row["calls"]) == ("dmi", "syn", "1", "2")
    assert float(row["times_faster"]) == pytest.approx(9.0 / 0.5)
    assert float(row["low"]) == pytest.approx(8 / 0.6)
    assert float(row["high"]) == pytest.approx(10 / 0.4)
    assert float(row["pairs_until_training_pays"]) == pytest.approx(850 / 8.5)


def test_training_never_pays_for_a_method_that_is_not_faster(tmp_path):
    folder = written(tmp_path, [*calls("mono", "syn", 1.0, 0.5), *calls("mono", "dmi", 1.0, 2.0), TRAINED])
    (row,) = rows(folder)
    assert float(row["times_faster"]) == 0.25
    assert row["pairs_until_training_pays"] == "never"
    assert row["low"] == row["high"] == ""  # one call says nothing of its spread
    assert "never" in (folder / "speed.md").read_text()


def test_numbers_of_different_machines_are_not_divided(tmp_path):
    other = {"host": "other", "cpu": "New CPU"}
    timings = [*calls("mono", "syn", 9.0, 8.0, **other), *calls("mono", "dmi", 1.0, 0.5), TRAINED]
    (row,) = rows(written(tmp_path, timings))
    assert [row[name] for name in MEASURED] == ["", "", "", ""]
    assert row["why_not"] == "no machine in common"
    both = [*timings, *calls("mono", "dmi", 1.0, 2.0, **other)]
    (row,) = rows(written(tmp_path / "both", both))
    assert (row["machine"], float(row["times_faster"])) == ("New CPU, 2 threads (other)", 4)
    assert row["pairs_until_training_pays"] == ""
    assert row["why_not"] == "trained on another machine"


def test_threads_and_devices_are_not_mixed(tmp_path):
    timings = [
        *calls("mono", "syn", 9.0, 8.0, threads=4),
        *calls("mono", "syn", 9.0, 6.0, device="cuda"),
        *calls("mono", "dmi", 1.0, 0.5),
        *calls("mono", "dmi", 1.0, 0.25, device="cuda"),
    ]
    found = {row["device"]: row for row in rows(written(tmp_path, timings))}
    assert found["cpu"]["why_not"] == "no machine in common"
    assert float(found["cuda"]["times_faster"]) == 24


def test_a_command_s_total_is_never_divided_by_compute(tmp_path):
    whole = {"kind": "command", "phase": "total"}
    folder = written(
        tmp_path, [*calls("mono", "syn", 9.0, 8.0, **whole), *calls("mono", "dmi", 1.0, 0.5), TRAINED]
    )
    (row,) = rows(folder)
    assert [row[name] for name in MEASURED] == ["", "", "", ""]
    assert "total" in row["why_not"]
    text = (folder / "speed.md").read_text()
    assert "- Not divided (a command's total holds its start and files" in text
    assert "): mono, SyN: Our Method (DMI)." in text
    both = written(
        tmp_path / "both",
        [*calls("mono", "syn", 9.0, 8.0, **whole), *calls("mono", "dmi", 1.0, 2.0, **whole)],
    )
    assert float(rows(both)[0]["times_faster"]) == 4


def test_a_failed_method_is_told_and_controls_are_left_out(tmp_path):
    failed = timing_row("mono", "syn", "", status="error", phase="", call="", cold="")
    (row,) = rows(
        written(tmp_path, [failed, *calls("mono", "dmi", 1.0, 0.5), *calls("mono", "truth", 1.0, 0.5)])
    )
    assert (row["against"], row["why_not"], row["times_faster"]) == ("syn", "failed", "")


def test_a_method_with_another_s_models_has_that_one_s_training(tmp_path):
    refined = replace(METHODS["dmi"], name="refined", label="Refined", model_of="dmi")
    timings = [
        *calls("mono", "syn", 9.0, 8.0),
        *calls("mono", "refined", 1.0, 1.0, variant="tuned"),
        TRAINED | {"variant": "small", "seconds": 70.0},
        TRAINED | {"variant": "large", "seconds": 700.0},
    ]
    scores = [*usual_scores("mono"), *score_rows("mono", "refined", 0.7, variant="tuned")]
    methods = {**METHODS, "refined": refined}
    (row,) = rows(written(tmp_path, timings, scores=scores, methods=methods))
    assert float(row["pairs_until_training_pays"]) == 10  # of the first variant, as there is no model `tuned`
    timings.append(TRAINED | {"variant": "tuned", "seconds": 7.0})
    (row,) = rows(written(tmp_path / "again", timings, scores=scores, methods=methods))
    assert float(row["pairs_until_training_pays"]) == 1


@pytest.mark.parametrize(
    ("kind", "said"), [("phantom", "not comparable"), ("ixi", "published, other machine")]
)
def test_the_paper_s_numbers_stand_apart_and_say_what_they_are(tmp_path, kind, said):
    folder = written(tmp_path, [], task="multi", kind=kind)
    table = read_table(folder / "speed.csv").set_index("against")
    assert table["times_faster"].astype(float).to_dict() == {"bspline": 18, "syn": 300}
    assert all(said in block for block in table["block"])
    assert said in (folder / "speed.md").read_text()


def test_the_page_has_one_setting_a_method_and_the_csv_all(tmp_path):
    timings = [
        *calls("mono", "syn", 9.0, 8.0),
        *calls("mono", "syn", 9.0, 4.0, variant="tuned"),
        *calls("mono", "dmi", 1.0, 0.5, variant="small"),
        *calls("mono", "dmi", 1.0, 2.0, variant="large"),
    ]
    scores = [
        *score_rows("mono", "syn", 0.5),
        *score_rows("mono", "syn", 0.5, variant="tuned"),
        *score_rows("mono", "dmi", 0.5, variant="small"),
        *score_rows("mono", "dmi", 0.5, variant="large"),
    ]
    folder = written(tmp_path, timings, scores=scores)
    assert len(rows(folder)) == 4
    text = (folder / "speed.md").read_text().split("published")[0]
    header, rule, *shown = [line for line in text.splitlines() if line.startswith("|")]
    assert [[cell.strip() for cell in line.split("|")[1:6]] for line in shown] == [
        ["Our Method (DMI) (large)", "SyN (tuned)", "2.00", "4.00", "2"]
    ]
    columns = [cell.strip() for cell in rule.split("|")[1:-1]]
    assert [cell.startswith(":") for cell in columns] == [True, True] + [False] * (len(columns) - 2)
    assert "against  " in header


def test_intervals_are_those_of_every_possible_draw():
    pairs = [np.array([2.0, 4.0]), np.array([6.0, 8.0])]
    exact = [
        np.median([*first, *second])
        for a, b in product(pairs, repeat=2)
        for first in product(a, repeat=2)
        for second in product(b, repeat=2)
    ]
    drawn = resampled_medians([pairs, [np.ones(1), np.ones(3)]], 40_000)
    assert (drawn[1] == 1).all()
    for value in set(exact):
        assert np.mean(drawn[0] == value) == pytest.approx(np.mean(np.array(exact) == value), abs=0.01)
    assert interval(drawn[0], 4) == tuple(np.percentile(exact, [2.5, 97.5]))


def test_compared_methods_are_given_the_same_drawn_pairs():
    hard_and_easy = [np.full(2, 1.0), np.full(2, 100.0)]
    slow = [10 * seconds for seconds in hard_and_easy]
    medians = resampled_medians([hard_and_easy, slow], 200)
    assert np.allclose(medians[1] / medians[0], 10)
