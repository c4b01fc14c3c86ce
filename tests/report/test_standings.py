"""What may be said of who leads: no more than the tests say, and of learned methods less."""

import pandas as pd
import pytest

from regbench.report.standings import standings
from regbench.report.words import badge, finding, opening, speed
from regbench.tables.comparisons import COLUMNS
from regbench.tables.marks import mark
from regbench.tables.summary import Line, Statistic
from tests.tables.example import FakeMethod

MEANS = {"syn": 0.60, "dmi": 0.65, "demons": 0.50}


def table(
    means: dict[str, float] | None = None, seeds: int = 3, best: tuple[str, ...] = ("dmi",)
) -> pd.DataFrame:
    """Measured rows of one task, with DSC alone; `best`: the rows that the table marks so."""
    rows = [
        {"method": name, "variant": "default", "row": name.upper(), "seeds": seeds, "dsc": mean, "dsc_low": mean - 0.01,
         "dsc_high": mean + 0.01, "dsc_mark": "best" if name in best else ""}
        for name, mean in (means or MEANS).items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def compared(p: dict[tuple[str, str], float], subjects: int = 8) -> pd.DataFrame:
    """comparisons.csv of the three methods with these corrected p values."""
    rows = []
    for (a, b), value in p.items():
        names = {"method_a": a, "variant_a": "default", "method_b": b, "variant_b": "default"}
        gain = MEANS[a] - MEANS[b]
        numbers = {"difference": gain, "low": gain - 0.02, "high": gain + 0.01, "p": value, "p_holm": value}
        rows.append(
            {
                "task": "mono",
                "metric": "dsc",
                **names,
                "pairs": 56,
                "subjects": subjects,
                **numbers,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


ALL_SURE = {("demons", "dmi"): 0.02, ("demons", "syn"): 0.02, ("dmi", "syn"): 0.03}


def test_a_method_better_than_all_others_leads_by_the_difference_from_the_next():
    (found,) = standings(table(), compared(ALL_SURE), {"dmi"})
    assert found.verdict == "sure"
    assert finding(found) == (
        "DMI has the highest mean, 0.6500 (95 % 0.6400 to 0.6600): 0.0500 (95 % 0.0300 to 0.0600) better than SYN, the next. "
        "The difference from each of the others is significant (p at most 0.03; Wilcoxon on 8 fixed subjects, Holm-corrected)."
    )


def test_the_interval_turns_with_the_sign_of_the_difference():
    turned = compared({("demons", "dmi"): 0.02, ("demons", "syn"): 0.02, ("syn", "dmi"): 0.03})
    (found,) = standings(table(), turned, {"dmi"})
    (nearest, _) = found.rivals
    assert (nearest.gain, nearest.low, nearest.high) == pytest.approx((0.05, 0.04, 0.07))


def test_a_learned_method_trained_too_seldom_does_not_lead():
    (found,) = standings(table(seeds=2, best=("syn",)), compared(ALL_SURE), {"dmi"})
    assert (found.leaders, found.ahead, found.verdict) == (["SYN"], ["DMI"], "partly")
    assert finding(found) == (
        "SYN has the highest mean of those that may lead, 0.6000 (95 % 0.5900 to 0.6100): 0.1000 (95 % 0.0900 to 0.1200) better "
        "than DEMONS, the next. The difference from each of the others is significant (p at most 0.02; Wilcoxon on 8 fixed "
        "subjects, Holm-corrected). DMI: a better mean, too few trainings. A learned method needs 3 trainings to lead."
    )
    assert opening("mono", [found]) == (
        "Task mono: none is ahead of all others. First of those that may lead: SYN by DSC."
    )
    assert badge(found) == "first of those that may lead in part"


def test_where_all_were_trained_too_seldom_none_leads():
    (found,) = standings(table(seeds=1, best=()), compared(ALL_SURE), {"dmi", "syn", "demons"})
    assert (found.leaders, found.verdict) == ([], "none")
    assert finding(found).endswith("A learned method needs 3 trainings to lead. No method here may.")
    assert opening("mono", [found]) == "Task mono: none is ahead of all others."


def test_a_lead_over_some_is_told_as_that():
    (found,) = standings(table(), compared(ALL_SURE | {("dmi", "syn"): 0.2}), {"dmi"})
    assert found.verdict == "partly"
    assert finding(found).endswith("Not told apart from SYN.")


def test_no_significant_difference_is_no_lead():
    (found,) = standings(table(), compared(dict.fromkeys(ALL_SURE, 0.4)), {"dmi"})
    assert found.verdict == "open"
    assert "No difference from the others is significant (least p 0.4;" in finding(found)


def test_too_few_subjects_to_ever_be_significant_is_told():
    (found,) = standings(table(), compared(dict.fromkeys(ALL_SURE, 0.375), subjects=4), {"dmi"})
    assert found.verdict == "too few"
    assert found.smallest_p == pytest.approx(
        3 * 2 * 0.5**4
    )  # all four signs alike, two-sided, three comparisons
    assert "it could not be: with 4 fixed subjects the least p" in finding(found)


def test_without_a_test_nothing_is_said_of_chance():
    (found,) = standings(table(), compared(dict.fromkeys(ALL_SURE, float("nan")), subjects=2), {"dmi"})
    assert found.verdict == "untested"
    assert finding(found).endswith("Not tested: a test needs 3 fixed subjects, these data have 2.")


def test_equal_means_are_level():
    equal = {"syn": 0.65, "dmi": 0.65, "demons": 0.5}
    (found,) = standings(table(equal, best=("syn", "dmi")), compared(ALL_SURE), {"dmi"})
    assert finding(found) == "SYN and DMI have the same highest mean, 0.6500 (95 % 0.6400 to 0.6600)."
    assert opening("mono", [found]) == ("Task mono: none is ahead of all others. Level: SYN and DMI by DSC.")


def test_a_difference_that_rounds_to_nothing_is_none():
    rows = compared(ALL_SURE)
    rows.loc[rows["method_b"] == "syn", ["difference", "low", "high"]] = 0.00002
    (found,) = standings(table(), rows, {"dmi"})
    assert found.verdict == badge(found) == "level"
    assert "0.6500 (95 % 0.6400 to 0.6600): level with SYN, a difference of 0.0000, 0.1500 (95 %" in finding(
        found
    )
    assert opening("mono", [found]).endswith("Level: DMI and SYN by DSC.")


def test_a_difference_whose_interval_holds_none_tells_nothing_apart():
    rows = compared(ALL_SURE | {("dmi", "syn"): 0.01}, subjects=8)
    rows.loc[rows["method_b"] == "syn", "low"] = -0.00001
    (found,) = standings(table(), rows, {"dmi"})
    assert "0.0500 (95 % 0.0000 to 0.0600) better than SYN" in finding(found)
    assert finding(found).endswith("Not told apart from SYN.")
    rows["low"], rows["high"] = -0.2, 0.2
    (found,) = standings(table(), rows, {"dmi"})
    assert found.verdict == "open"
    assert opening("mono", [found]) == "Ahead on task mono: DMI by DSC (not told apart from the next)."
    assert finding(found).endswith("(least p 0.01; Wilcoxon on 8 fixed subjects, Holm-corrected).")


def test_the_row_that_the_table_marks_best_is_the_one_that_leads():
    methods = {name: FakeMethod(name, name.upper()) for name in MEANS}
    lines = [
        Line(name.upper(), name, "default", False, n, 3, {}, {"dsc": Statistic(MEANS[name], 0, 0, 0, n)}, {})
        for name, n in (("syn", 56), ("dmi", 40), ("demons", 56))
    ]
    marks = mark(lines, compared(ALL_SURE), "mono", methods).of["dsc"]
    marked = table().assign(dsc_mark=[marks.get((name, "default")) for name in MEANS])
    (found,) = standings(marked, compared(ALL_SURE), set())
    assert (found.leaders, found.few_pairs) == (["SYN"], ["DMI"])
    assert finding(found).endswith("DMI: a better mean, over fewer pairs.")


def test_times_say_on_how_few_calls_they_stand():
    row = {
        "task": "mono",
        "control": False,
        "device": "cpu",
        "machine": "box",
        "clock": "compute",
        "steady_low": 1.0,
        "steady_high": 3.0,
    }
    rows = [
        row | {"row": "A", "steady_seconds": 2.0, "pairs": 1, "calls": 2},
        row | {"row": "B", "steady_seconds": 4.0, "pairs": 1, "calls": 5},
    ]  # fmt: skip
    (told,) = speed("mono", pd.DataFrame(rows))
    assert (
        "A, 2.00 s a pair (95 % 1.00 to 3.00), timed on one pair, 2 to 5 calls a method; next B, 2 times"
        in told
    )


def test_without_comparisons_nothing_is_ahead():
    assert standings(table(), compared({}), set()) == []
    assert opening("mono", []) == "Task mono: no two methods have scores to compare."
