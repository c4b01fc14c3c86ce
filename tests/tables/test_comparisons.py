from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from regbench.tables.comparisons import compare
from tests.tables.example import METHODS


def rows(method: str, level: float, seeds: int) -> list[dict]:
    rng = np.random.default_rng(len(method))
    pairs = list(permutations([f"s{k}" for k in range(9)], 2))
    return [
        {"fixed": f, "moving": m, "method": method, "variant": "default", "repetition": str(r), "status": "ok",
         "metric": "dsc", "label": np.nan, "value": level + 0.01 * rng.standard_normal()}
        for r in range(seeds) for f, m in pairs
    ]  # fmt: skip


@pytest.mark.parametrize(("seeds", "winner"), [(2, ""), (3, "dmi/default")])
def test_a_learned_method_wins_with_three_seeds_only(seeds, winner):
    scores = pd.DataFrame(rows("syn", 0.5, 1) + rows("dmi", 0.6, seeds))
    (found,) = compare(scores, "mono", "mono", METHODS, 200).to_dict("records")
    assert found["winner"] == winner
    assert found["p_holm"] == found["p"] < 0.05
    assert found["low"] < found["difference"] < found["high"] < 0
    assert (found["pairs"], found["subjects"]) == (72, 9)


def test_a_training_that_failed_is_no_seed():
    frame = pd.DataFrame(rows("syn", 0.5, 1) + rows("dmi", 0.6, 3))
    failed = (frame["method"] == "dmi") & (frame["repetition"] != "0")
    frame.loc[failed, ["status", "value"]] = ["skipped", np.nan]
    (found,) = compare(frame, "mono", "mono", METHODS, 200).to_dict("records")
    assert found["p_holm"] < 0.05
    assert found["winner"] == ""
