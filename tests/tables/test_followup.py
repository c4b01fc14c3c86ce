import pandas as pd
import pytest

from regbench.tables.followup import COLUMNS, followup_document, followups
from regbench.tables.formats import markdown
from regbench.tables.frames import read_table
from regbench.tables.gather import SCORES
from tests.tables.example import METHODS


def rows(method, fixed, values, repetition=0, status="ok"):
    """Rows of scores.csv for the label 1 of a pair, and the mean over labels that stands beside it."""
    names = {"task": "visits", "fixed": fixed, "moving": "p_pre", "method": method, "variant": "default"}
    run = names | {"repetition": repetition, "status": status, "unit": ""}
    return [
        run | {"metric": metric, "label": label, "value": value}
        for metric, value in values.items()
        for label in ([1, ""] if status == "ok" else [""])
    ]


@pytest.fixture
def scores(tmp_path):
    def read(*parts):
        pd.DataFrame([row for part in parts for row in part], columns=SCORES).to_csv(
            tmp_path / "scores.csv", index=False
        )
        return read_table(tmp_path / "scores.csv")

    return read


KNOWN = {
    "volume_before": 8.0,
    "volume_after": 6.0,
    "volume_carried": 5.0,
    "dsc": 0.8,
    "hd95": 2.0,
    "psnr": 20.0,
}


def test_changes_are_percent_of_the_volume_before_and_seeds_are_averaged(scores):
    table = followups(
        scores(rows("dmi", "p_post", KNOWN), rows("dmi", "p_post", KNOWN | {"volume_carried": 7.0}, 1)),
        "visits",
    )
    assert list(table.columns) == list(COLUMNS)
    (row,) = table.to_dict("records")
    assert (row["label"], row["seeds"], row["status"]) == (1, 2, "ok")
    assert row["carried_ml"] == pytest.approx(6.0)
    assert row["change_percent"] == pytest.approx(-25)
    assert row["change_carried_percent"] == pytest.approx(-25)


def test_the_page_has_means_over_pairs_failures_and_dashes_where_there_is_no_later_label(scores):
    first_only = {"volume_before": 4.0, "volume_carried": 5.0}
    found = scores(
        rows("syn", "p_post", KNOWN), rows("syn", "p_later", KNOWN | {"dsc": 0.6}), rows("identity", "p_post", first_only),
        rows("dmi", "p_post", KNOWN, status="timeout"),
    )  # fmt: skip
    table = followups(found, "visits")
    text = markdown(followup_document(table, METHODS, ["Study tiny"]))
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    assert lines[2:] == [
        ["Affine", "1", "1", "4.00", "5.00", "-", "-", "+25.0", "-", "-"],
        ["SyN", "1", "2", "8.00", "5.00", "6.00", "-25.0", "-37.5", "0.7000", "2.00"],
    ]
    assert "Failures, task visits: Our Method (DMI): 1 of 1 runs." in text


def test_failures_are_counted_in_runs_by_variant_whatever_their_status(scores):
    def slow(rows):
        return [row | {"variant": "slow"} for row in rows]

    found = scores(
        rows("dmi", "p_post", KNOWN), rows("dmi", "p_post", KNOWN, 1, "timeout"), rows("dmi", "p_post", KNOWN, 2, "error"),
        rows("dmi", "p_later", KNOWN), rows("dmi", "p_later", KNOWN, 1), rows("dmi", "p_later", KNOWN, 2, "error"),
        slow(rows("dmi", "p_post", KNOWN)), slow(rows("dmi", "p_later", KNOWN, 0, "oom")), rows("syn", "p_post", KNOWN),
    )  # fmt: skip
    table = followups(found, "visits")
    document = followup_document(table, METHODS, ["Study tiny"])
    assert [note for note in document.notes if "Failures" in note] == [
        "Failures, task visits: Our Method (DMI): 3 of 6 runs.",
        "Failures, task visits: Our Method (DMI) (slow): 1 of 2 runs.",
    ]
    averaged = table[(table["status"] == "ok") & (table["variant"] == "default") & (table["method"] == "dmi")]
    assert averaged.set_index("fixed")["seeds"].to_dict() == {"p_post": 1, "p_later": 2}


def test_a_lesion_that_was_not_there_before_has_no_change_in_percent(scores):
    (row,) = followups(scores(rows("syn", "p_post", KNOWN | {"volume_before": 0.0})), "visits").to_dict(
        "records"
    )
    assert pd.isna(row["change_percent"])
    assert row["after_ml"] == 6.0
