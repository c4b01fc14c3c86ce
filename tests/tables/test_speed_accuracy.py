import numpy as np
import pytest

from regbench.tables.frames import read_table
from regbench.tables.speed_accuracy import on_front
from regbench.tables.tables import write_tables
from tests.tables.example import METHODS, approx_mean, calls, score_rows, study, timing_row, write_results

OTHER = {"host": "other", "cpu": "New CPU"}


def test_the_front_is_what_no_other_beats():
    seconds = [1.0, 2.0, 2.0, 3.0, 0.5, np.nan, 0.1]
    cost = [5.0, 4.0, 4.0, 4.5, 9.0, 1.0, np.nan]
    assert on_front(seconds, cost).tolist() == [True, True, True, False, True, False, False]


@pytest.fixture
def table(tmp_path):
    """Two SyN, one fast and one good; DMI, as fast as the first and worse; zeta on another machine; DMI in training."""
    failed = {("007", "NA"): "error"}
    scores = [
        *score_rows("mono", "identity", 0.5),
        *score_rows("mono", "syn", 0.6, variant="fast"),
        *score_rows("mono", "syn", 0.7, variant="good", failed=failed),
        *score_rows("mono", "dmi", 0.55),
        *score_rows("mono", "zeta", 0.4),
    ]
    timings = [
        *calls("mono", "syn", 9.0, 1.0, 2.0, 3.0, variant="fast"),
        *calls("mono", "syn", 9.0, 20.0, variant="good"),
        *calls("mono", "dmi", 9.0, 2.0),
        timing_row("mono", "dmi", 700.0, phase="train", call="", cold="", kind="training"),
        *calls("mono", "zeta", 9.0, 500.0, **OTHER),
        *calls("mono", "zeta", 9.0, 0.1, kind="command", phase="total"),
    ]
    results = write_results(tmp_path / "tiny", scores, timings)
    write_tables(study(tables=(1,)), results, METHODS)
    return read_table(results / "tables/speed_accuracy.csv")


def test_every_variant_has_a_point_on_every_machine(table):
    points = list(zip(table["method"], table["variant"], table["machine"].str[:8], strict=True))
    assert sorted(points) == [
        ("dmi", "default", "Fast CPU"),
        ("identity", "default", ""),
        ("syn", "fast", "Fast CPU"),
        ("syn", "good", "Fast CPU"),
        ("zeta", "default", "Fast CPU"),
        ("zeta", "default", "New CPU,"),
    ]


def test_a_point_has_its_time_its_metrics_and_its_failures(table):
    fast, good = (table[table["variant"] == name].iloc[0] for name in ("fast", "good"))
    assert [float(fast[f"steady_{name}"]) for name in ("low", "seconds", "high")] == [1, 2, 3]
    assert float(fast["dsc"]) == pytest.approx(approx_mean(0.6))
    assert float(fast["dsc_low"]) < float(fast["dsc"]) < float(fast["dsc_high"])
    assert float(fast["error"]) == float(fast["folding"]) == float(fast["dsc"])  # as example.py makes them
    assert (fast["failed"], good["failed"]) == ("0", "1")
    assert float(table[table["method"] == "dmi"].iloc[0]["training_seconds"]) == 700


def test_fronts_are_of_one_machine_and_one_clock(table):
    by_dsc = table[table["on_front_dsc"] == "True"]
    assert set(zip(by_dsc["method"], by_dsc["variant"], strict=True)) == {
        ("syn", "fast"), ("syn", "good"), ("zeta", "default"),
    }  # fmt: skip
    assert len(by_dsc) == 4  # zeta alone on its machine, and alone as a whole command
    by_error = table[table["on_front_error"] == "True"]
    assert set(by_error["method"]) == {"dmi", "zeta"}  # of the smaller error, in the same time
