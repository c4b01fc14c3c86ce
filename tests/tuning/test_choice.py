"""The rule of choice, on made-up scores."""

import pytest

from regbench.tuning.choice import Tried, best, criterion

LIMIT = 0.5


def tried(*settings: dict[str, float], failed: tuple[int, ...] = ()) -> list[Tried]:
    """Settings with these means over two pairs (folding 0 unless given); one pair of those in `failed` has none."""
    return [
        Tried({"a": n}, {"folding": 0.0} | means, pairs=2, failed=int(n in failed))
        for n, means in enumerate(settings)
    ]


@pytest.mark.parametrize(
    ("name", "default", "other"),
    [("error", 2.0, 1.0), ("tre", 2.0, 1.0), ("dsc", 0.5, 0.6), ("nmi", 1.1, 1.2)],
)
def test_each_criterion_knows_which_way_is_better(name, default, other):
    assert best(tried({name: default}, {name: other}), LIMIT) == 1
    assert best(tried({name: other}, {name: default}), LIMIT) == 0


@pytest.mark.parametrize(
    ("have", "expected"),
    [
        (("nmi", "dsc", "tre", "error"), "error"),
        (("nmi", "dsc", "tre"), "tre"),
        (("nmi", "dsc"), "dsc"),
        (("nmi",), "nmi"),
        (("mi", "ssim"), None),
    ],
)
def test_the_truest_criterion_there_is_decides(have, expected):
    assert criterion(tried(dict.fromkeys(have, 1.0), dict.fromkeys(have, 2.0))) == expected


def test_similarity_does_not_outvote_what_tells_of_the_field():
    settings = tried({"nmi": 1.1, "mi": 0.5, "dsc": 0.7}, {"nmi": 1.4, "mi": 0.9, "dsc": 0.6})
    assert best(settings, LIMIT) == 0


def test_a_criterion_that_one_setting_lacks_decides_nothing():
    settings = tried({"error": 1.0, "dsc": 0.5}, {"dsc": 0.6})
    assert (criterion(settings), best(settings, LIMIT)) == ("dsc", 1)


def test_a_setting_without_any_score_does_not_take_the_criterion_from_others():
    nothing = Tried({"a": 0}, {}, pairs=2, failed=2)
    settings = [nothing, *tried({"error": 2.0}, {"error": 1.0})]
    assert (criterion(settings), best(settings, LIMIT)) == ("error", 2)


def test_what_folds_too_much_is_not_chosen_however_good_and_the_limit_itself_is_allowed():
    assert best(tried({"error": 2.0}, {"error": 1.0, "folding": 0.51}), LIMIT) == 0
    assert best(tried({"error": 2.0}, {"error": 1.0, "folding": 0.5}), LIMIT) == 1


def test_a_default_that_folds_too_much_gives_way_to_a_worse_setting():
    assert best(tried({"error": 1.0, "folding": 2.0}, {"error": 1.5}), LIMIT) == 1


def test_what_failed_on_one_pair_is_not_chosen():
    assert best(tried({"error": 2.0}, {"error": 1.0}, {"error": 1.5}, failed=(1,)), LIMIT) == 2


def test_of_settings_alike_the_earliest_is_chosen():
    assert best(tried({"dsc": 0.6}, {"dsc": 0.7}, {"dsc": 0.7}), LIMIT) == 1


def test_where_none_is_eligible_none_is_chosen():
    assert best(tried({"error": 1.0, "folding": 1.0}, {"error": 2.0}, failed=(1,)), LIMIT) is None
    assert best([Tried({}, {}, pairs=2, failed=2)], LIMIT) is None
    assert best(tried({"mi": 1.0}), LIMIT) is None
