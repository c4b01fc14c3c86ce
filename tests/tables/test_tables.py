import re

import pytest

from regbench.tables.frames import read_table
from regbench.tables.paper import paper
from regbench.tables.tables import write_tables
from regbench.tuning.choice import Tried
from regbench.tuning.tune import write_choice
from tests.tables.example import (
    METHODS,
    approx_mean,
    score_rows,
    study,
    timing_row,
    usual_scores,
    usual_timings,
    write_results,
)


def cells(text: str, label: str) -> list[str]:
    """The cells of the first Markdown row that begins with `label`, without their marks."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {label} "))
    return [cell.strip(" *=+") for cell in row.strip("|").split("|")]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A study on semi-synthetic data with its tables written."""
    scores = usual_scores("mono") + usual_scores("multi")
    timings = usual_timings("mono") + usual_timings("multi")
    folder = write_results(tmp_path_factory.mktemp("results") / "tiny", scores, timings)
    write_tables(study(), folder, METHODS)
    return folder


@pytest.fixture
def mono(tmp_path):
    """A mono-modal study without its tables."""
    return write_results(tmp_path / "tiny", usual_scores("mono"), usual_timings("mono"))


def table(results, number=1, suffix="md") -> str:
    return (results / "tables" / f"table{number}.{suffix}").read_text(encoding="utf8")


def test_rows_stand_in_the_paper_s_order_with_others_and_controls_after(results):
    labels = re.findall(r"^\| (.+?) +\|", table(results).split("**Also")[0], re.MULTILINE)[2:]
    assert labels == ["Affine", "SyN", "Our Method (DMI)", r"50% & more_", "Truth"]


def test_cells_hold_mean_and_sd_over_pairs_and_steady_seconds(results):
    name, dsc, _, _, cpu, gpu, n, failed = cells(table(results), "SyN")
    assert dsc == f"{approx_mean(0.6):.4f} (0.0117)"
    assert (cpu, gpu) == ("9.00 (1.41)", "not measured")
    assert (name, n, failed) == ("SyN", "12", "0")
    assert cells(table(results), "Our Method (DMI)")[4:6] == ["0.500 (-)", "0.020 (-)"]
    assert cells(table(results), "Affine")[4:6] == ["-", "-"]
    assert cells(table(results), r"50% & more_")[4:6] == ["not measured", "-"]


def test_the_second_table_has_mi_first_and_dsc_beside(results):
    text = table(results, 2)
    assert " MI (nat) |" in text
    assert "DSC" in text.split("Also measured")[1]
    assert "Error (mm)" in text


def test_published_values_of_other_data_stand_apart(results):
    for number in (1, 2):
        before, after = table(results, number).split("other data, not comparable")
        assert ", published" not in before
        assert "0.5207 (0.0022)" in after or number == 2
        assert "1.0174 (0.0080)" in after or number == 1
        assert "Semi-synthetic" in before
    rows = read_table(results / "tables/table1.csv")
    assert set(rows["block"]) == {"measured", "published, other data, not comparable"}


def test_published_values_of_the_paper_s_data_stand_below_each_method(mono):
    write_tables(study("lpba40", tables=(1,)), mono, METHODS)
    lines = [line for line in table(mono).splitlines() if line.startswith("|")]
    labels = [line.strip("|").split("|")[0].strip() for line in lines]
    assert labels[2:5] == ["Affine", "Affine (paper)", "SyN"]
    assert "Voxelmorph (paper)" in labels  # published, though nobody ran it
    assert "(paper): published in" in table(mono)
    assert "not comparable" not in table(mono).split("- Mean")[0]
    assert not (mono / "tables/table2.md").exists()


def test_real_data_that_are_not_the_paper_s_are_other_data_too(mono):
    write_tables(study("csv", tables=(1,)), mono, METHODS)
    assert "other data, not comparable" in table(mono)
    assert "Semi-synthetic" not in table(mono)


def test_failures_are_counted_named_and_kept_out_of_the_mean(tmp_path):
    failed = {("007", "NA"): "timeout", ("NA", "007"): "error", ("s3", "s4"): "timeout"}
    scores = [*score_rows("mono", "identity", 0.5), *score_rows("mono", "syn", 0.6, failed=failed)]
    timings = [timing_row("mono", "syn", "", status="timeout", phase="", call="", cold="")]
    results = write_results(tmp_path / "tiny", scores, timings)
    write_tables(study(tables=(1,)), results, METHODS)
    row = cells(table(results), "SyN")
    assert row[-2:] == ["9", "3"]
    assert row[4] == "failed"
    assert "SyN: 1 error, 2 timeout" in table(results)


def test_a_method_that_failed_everywhere_keeps_its_row(tmp_path):
    failed = {(f, m): "oom" for f in ("007", "NA", "s3", "s4") for m in ("007", "NA", "s3", "s4")}
    scores = [*score_rows("mono", "identity", 0.5), *score_rows("mono", "syn", 0.6, failed=failed)]
    results = write_results(tmp_path / "tiny", scores, [])
    write_tables(study(tables=(1,)), results, METHODS)
    assert cells(table(results), "SyN") == ["SyN", "-", "-", "-", "not measured", "not measured", "0", "12"]


def test_seeds_are_averaged_and_counted_and_variants_have_rows(tmp_path):
    scores = [
        *score_rows("mono", "dmi", 0.6),
        *score_rows("mono", "dmi", 0.6, repetition=1),
        *score_rows("mono", "syn", 0.5),
        *score_rows("mono", "syn", 0.7, variant="tuned"),
    ]
    results = write_results(tmp_path / "tiny", scores, [])
    write_tables(study(tables=(1,)), results, METHODS)
    assert cells(table(results), "Our Method (DMI)")[1] == f"{approx_mean(0.65):.4f} (0.0117)"
    assert "mean over 2 training seeds" in table(results)
    assert cells(table(results), "SyN (tuned)")[1].startswith(f"{approx_mean(0.7):.4f}")
    assert cells(table(results), "SyN (default)")[-2] == "12"


def test_a_tuned_row_has_a_footnote_on_how_it_was_chosen_and_others_have_none(tmp_path):
    scores = [*score_rows("mono", "syn", 0.5), *score_rows("mono", "syn", 0.7, variant="tuned")]
    results = write_results(tmp_path / "tiny", scores, [])
    settings = [
        Tried({}, {"dsc": 0.5, "folding": 0.0}, 2),
        Tried({"sigma": 2}, {"dsc": 0.6, "folding": 0.0}, 2),
    ]
    write_choice(results / "tuning/mono/syn.json", settings, 0.5, {"task": "mono", "method": "syn"})
    write_tables(study(tables=(1,)), results, METHODS)
    note = next(line for line in table(results).splitlines() if line.startswith("- Rows `tuned`, task mono"))
    assert "validation pairs alone" in note
    assert (
        "SyN (tuned): sigma 2 (highest mean DSC, 0.6000 instead of 0.5000; of 2 settings on 2 pairs" in note
    )
    write_results(results, score_rows("mono", "syn", 0.5), [])
    write_tables(study(tables=(1,)), results, METHODS)
    assert "tuned" not in table(results)


def test_rows_that_gain_nothing_over_the_affine_alone_are_told(tmp_path):
    one_pair_less = {("007", "NA"): "timeout"}
    scores = [
        *score_rows("mono", "identity", 0.5),
        *score_rows("mono", "truth", 0.4),
        *score_rows("mono", "syn", 0.6),
        *score_rows("mono", "syn", 0.5, variant="still"),
        *score_rows("mono", "dmi", 0.45),
        *score_rows("mono", "zeta", 0.4, failed=one_pair_less),
    ]
    by_dsc = [row for row in scores if row["metric"] in ("dsc", "folding")]
    results = write_results(tmp_path / "tiny", by_dsc, [])
    write_tables(study(tables=(1,)), results, METHODS)
    told = "Task mono: no better than Affine by mean DSC: SyN (still), Our Method (DMI)."
    assert told in table(results)
    write_results(results, scores, [])  # an error is better when it is lower, and tells more than DSC
    write_tables(study(tables=(1,)), results, METHODS)
    assert "Task mono: no better than Affine by mean Error: SyN (default), SyN (still)." in table(results)
    for left_out in ("syn", "identity"):
        rest = [row for row in by_dsc if row["method"] not in (left_out, "dmi")]
        write_tables(study(tables=(1,)), write_results(results, rest, []), METHODS)
        assert "no better than" not in table(results)


def test_times_of_several_machines_stand_side_by_side(tmp_path):
    timings = [timing_row("mono", "syn", 8.0), timing_row("mono", "syn", 4.0, host="other", cpu="New CPU")]
    results = write_results(tmp_path / "tiny", score_rows("mono", "syn", 0.6), timings)
    write_tables(study(tables=(1,)), results, METHODS)
    assert cells(table(results), "SyN")[4] == "8.00 (-) A / 4.00 (-) B"
    assert "A: Fast CPU, 2 threads (box); B: New CPU, 2 threads (other)" in table(results)


def test_a_command_s_total_is_footnoted(tmp_path):
    timings = [timing_row("mono", "syn", 3.0, kind="command", phase="total")]
    results = write_results(tmp_path / "tiny", score_rows("mono", "syn", 0.6), timings)
    write_tables(study(tables=(1,)), results, METHODS)
    assert cells(table(results), "SyN")[4] == "3.00 (-)†"
    assert "† whole command" in table(results)


def test_the_csv_holds_unrounded_numbers_and_intervals(results):
    rows = read_table(results / "tables/table1.csv").set_index("row")
    syn = rows.loc["SyN"]
    assert float(syn["dsc"]) == pytest.approx(approx_mean(0.6))
    assert float(syn["dsc_low"]) < float(syn["dsc"]) < float(syn["dsc_high"])
    assert float(syn["cpu_seconds"]) == 9
    assert syn["cpu_machine"] == "Fast CPU, 2 threads (box)"
    assert syn["cuda_seconds"] == "not measured"


def test_the_published_numbers_hold_together_with_the_paper_s_text():
    printed = paper()["tables"][2]
    for other, times in printed["times_faster"][
        "dmi"
    ].items():  # "more than 18 times faster than B-Spline", "300 times"
        seconds = printed["rows"][other]["cpu"][0] / printed["rows"]["dmi"]["cpu"][0]
        assert times < seconds < 1.05 * times
    assert all(row["cuda"][0] < 0.4 for row in paper()["tables"][1]["rows"].values() if "cuda" in row)


def test_comparisons_name_a_winner_only_where_it_may_be_one(tmp_path):
    results = write_results(tmp_path / "tiny", usual_scores("mono"), [])
    write_tables(study(tables=(1,)), results, METHODS)
    rows = read_table(results / "tables/comparisons.csv")
    assert {"identity", "truth"}.isdisjoint({*rows["method_a"], *rows["method_b"]})
    assert {"mi", "nmi", "sdlogj"}.isdisjoint(rows["metric"])
    assert set(rows["subjects"]) == {"4"}
    assert set(rows["winner"]) == {""}  # four subjects cannot reach p < 0.05
    dsc = rows[(rows["metric"] == "dsc") & (rows["method_b"] == "syn") & (rows["method_a"] == "dmi")]
    assert float(dsc["difference"].iloc[0]) == pytest.approx(0.05)
