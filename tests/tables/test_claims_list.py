"""regbench/paper.yaml has the whole of the paper, as claims that can be judged."""

from collections import Counter

import pytest

from regbench.scores.metrics import METRICS
from regbench.tables.claims_list import paper_claims
from regbench.tables.paper import paper

CLAIMS = {claim.id: claim for claim in paper_claims()}


def test_claims_have_ids_of_their_own_and_all_that_their_check_needs():
    assert len(CLAIMS) == len(paper_claims())
    for claim in CLAIMS.values():
        assert claim.source.count("section") or claim.source == "abstract"
        assert claim.statement
        if claim.check == "existence":
            assert set(claim.parts) <= set(CLAIMS)
            continue
        assert claim.method
        assert claim.table in (1, 2)
        assert claim.data
        assert claim.metric in METRICS or claim.device
        assert claim.against or claim.check not in ("difference", "comparable", "ratio")
        assert claim.published is not None or claim.check == "difference"
        if claim.check in ("value", "comparable") and claim.same_scans:
            assert claim.margin > 0


def test_every_printed_cell_is_a_claim():
    printed = {
        f"table{number}.{method}.{name}": cell
        for number, table in paper()["tables"].items()
        for method, row in table["rows"].items()
        for name, cell in row.items()
        if name != "name"
    }
    assert len(printed) == 29
    for name, cell in printed.items():
        assert [CLAIMS[name].published, CLAIMS[name].spread] == cell


def test_ours_is_compared_with_each_method_on_each_metric_of_its_table():
    assert {name for name in CLAIMS if name.startswith("better")} == {
        *(f"better1.dmi.voxelmorph.{metric}" for metric in ("dsc", "ssim", "psnr")),
        *(
            f"better2.dmi.{other}.{metric}"
            for other in ("bspline", "syn")
            for metric in ("mi", "ssim", "psnr")
        ),
    }
    deformable = Counter(claim.family for claim in CLAIMS.values() if claim.against == "identity")
    assert (deformable["deformable1"], deformable["deformable2"]) == (6, 9)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("gpu.voxelmorph", 0.4),
        ("gpu.dmi", 0.4),
        ("faster.dmi.bspline", 18),
        ("faster.dmi.syn", 300),
        ("tumour.dmi.dsc", 0.8870),
        ("oasis3_before.identity.mi", 0.5464),
        ("oasis3_after.dmi.mi", 0.7692),
        ("oasis3.dmi.identity.mi", 0.7692 - 0.5464),
        ("better2.dmi.syn.mi", 1.0174 - 0.8842),
    ],
)
def test_numbers_in_the_paper_s_text_are_claims(name, published):
    assert CLAIMS[name].published == pytest.approx(published)


def test_a_margin_is_a_tenth_of_what_the_paper_s_method_gains():
    assert CLAIMS["table1.voxelmorph.dsc"].margin == pytest.approx((0.5821 - 0.5207) / 10)
    assert CLAIMS["table2.syn.mi"].margin == pytest.approx((1.0174 - 0.6626) / 10)
    assert CLAIMS["oasis3_after.dmi.mi"].margin == pytest.approx((0.7692 - 0.5464) / 10, abs=1e-4)


def test_statements_quote_the_words_that_a_reader_will_look_for():
    said = "\n".join(claim.statement for claim in CLAIMS.values())
    for words in (
        "0.4s",
        "18 times",
        "300 times",
        "88.70%",
        "0.5464 to 0.7692",
        "same framework",
        "not retrain",
    ):
        assert words in said


def test_printed_scores_are_of_the_paper_s_pairs_and_printed_seconds_of_any():
    pairs = {name: claim.pairs for name, claim in CLAIMS.items() if claim.check == "value"}
    assert (pairs["table1.dmi.dsc"], pairs["table2.syn.mi"], pairs["table2.syn.cpu"]) == (56, 97, None)
