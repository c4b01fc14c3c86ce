"""What may be said of who leads: no more than the tests say, and of learned methods less."""

import pandas as pd
import pytest

from regbench.report.standings import standings
from regbench.report.words import finding, opening
from regbench.tables.comparisons import COLUMNS

MEANS = {"syn": 0.60, "dmi": 0.65, "demons": 0.50}


def table(means: dict[str, float] | None = None, seeds: int = 3) -> pd.DataFrame:
    """Measured rows of one task, with DSC alone."""
    rows = [
        {"method": name, "variant": "default", "row": name.upper(), "seeds": seeds, "dsc": mean, "dsc_low": mean - 0.01, "dsc_high": mean + 0.01}
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
    (found,) = standings(table(seeds=2), compared(ALL_SURE), {"dmi"})
    assert (found.leaders, found.ahead, found.verdict) == (["SYN"], ["DMI"], "partly")
    assert finding(found) == (
        "SYN has the highest mean of those that may lead, 0.6000 (95 % 0.5900 to 0.6100): 0.1000 (95 % 0.0900 to 0.1200) better "
        "than DEMONS, the next. The difference from each of the others is significant (p at most 0.02; Wilcoxon on 8 fixed "
        "subjects, Holm-corrected). DMI: a better mean, too few trainings. A learned method needs 3 trainings to lead."
    )
    assert opening("mono", [found]) == "Ahead on task mono: SYN by DSC."


def test_where_all_were_trained_too_seldom_none_leads():
    (found,) = standings(table(seeds=1), compared(ALL_SURE), {"dmi", "syn", "demons"})
    assert (found.leaders, found.verdict) == ([], "none")
    assert finding(found).endswith("A learned method needs 3 trainings to lead. No method here may.")
    assert opening("mono", [found]) == "Task mono: none is ahead."


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
    (found,) = standings(table({"syn": 0.65, "dmi": 0.65, "demons": 0.5}), compared(ALL_SURE), {"dmi"})
    assert finding(found) == "SYN and DMI have the same highest mean, 0.6500 (95 % 0.6400 to 0.6600)."
    assert opening("mono", [found]) == "Task mono: none is ahead. Several are level by DSC."


def test_a_difference_that_rounds_to_nothing_keeps_a_figure():
    rows = compared(ALL_SURE | {("dmi", "syn"): 0.4})
    rows.loc[rows["method_b"] == "syn", ["difference", "low", "high"]] = 0.00002
    (found,) = standings(table(), rows, {"dmi"})
    assert ": 2e-05 (95 %" in finding(found)


def test_without_comparisons_nothing_is_ahead():
    assert standings(table(), compared({}), set()) == []
    assert opening("mono", []) == "Task mono: no two methods have scores to compare."
