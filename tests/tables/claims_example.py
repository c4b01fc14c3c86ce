"""Scores and timings of made-up studies on data of the paper's kinds, and the verdicts on them."""

from collections.abc import Iterable
from itertools import permutations

import numpy as np
import pandas as pd

from regbench.study import Study, parse_study
from regbench.tables.claims import claims_table, judge
from regbench.tables.gather import SCORES, TIMINGS
from regbench.tables.summary import summarise
from tests.tables.example import FakeMethod, timing_row

METHODS = {
    method.name: method
    for method in (
        FakeMethod("identity", "Affine", control=True),
        FakeMethod("syn", "SyN", devices=("cpu",)),
        FakeMethod("bspline", "B-spline", devices=("cpu",)),
        FakeMethod("voxelmorph", "VoxelMorph", learned=True),
        FakeMethod("dmi", "DMI", learned=True),
    )
}
PAPER_CPU, PAPER_GPU = "Intel(R) Core(TM) i7-7800X CPU @ 3.50GHz", "NVIDIA GeForce GTX 1080 Ti"
PAIRS = list(permutations([f"s{k}" for k in range(8)], 2))


def study(**tasks: tuple[str, int]) -> Study:
    """Tasks by name, each as (type of its dataset, table)."""
    grid = {"spacing": [3, 3, 3], "shape": [32, 32, 32]}
    made = {
        name: {"dataset": name, "table": table, "grid": grid, "moving": "T1w" if table == 1 else "T2w"}
        for name, (_, table) in tasks.items()
    }
    raw = {"study": "tiny", "description": "made up", "tasks": made, "scores": {"bootstrap": 200}}
    return parse_study(
        raw | {"datasets": {name: {"type": kind} for name, (kind, _) in tasks.items()}}, "test"
    )


def scores(
    task: str,
    metric: str,
    means: dict[str, float],
    *,
    spread: float = 1e-4,
    seeds: int = 3,
    pairs: Iterable[tuple[str, str]] = PAIRS,
    failed: dict[str, int] | None = None,
    variant: str = "default",
) -> list[dict]:
    """One metric of each method: its mean and a normal spread; learned methods have `seeds`. `failed`: runs, by method."""
    rows = []
    pairs = list(pairs)
    for method, mean in means.items():
        rng = np.random.default_rng(sum(map(ord, method)))
        for repetition in range(seeds if METHODS[method].learned else 1):
            noise = rng.standard_normal(len(pairs))
            values = mean + spread * (noise - noise.mean())
            for k, (pair, value) in enumerate(zip(pairs, values, strict=True)):
                bad = k < (failed or {}).get(method, 0)
                rows.append({
                    "task": task, "fixed": pair[0], "moving": pair[1], "method": method, "variant": variant,
                    "repetition": str(repetition), "status": "error" if bad else "ok", "metric": metric,
                    "label": np.nan, "value": np.nan if bad else value, "unit": "1",
                })  # fmt: skip
    return rows


def seconds(task: str, method: str, *taken: float, pairs: int = 4, **changes) -> list[dict]:
    """Steady calls of each of the first pairs, on the paper's CPU or GPU unless said otherwise."""
    place = {"cpu": PAPER_CPU, "gpu": PAPER_GPU, "cold": "False"} | changes
    return [
        timing_row(task, method, x, fixed=fixed, moving=moving, call=n, **place)
        for fixed, moving in PAIRS[:pairs]
        for n, x in enumerate(taken, 1)
    ]


def verdicts(given: Study, made_scores: list[dict], timings: Iterable[dict] = ()) -> pd.DataFrame:
    """The rows of claims.csv, by id."""
    all_scores = pd.DataFrame(made_scores, columns=SCORES)
    times = pd.DataFrame(list(timings), columns=TIMINGS)
    times["seconds"] = pd.to_numeric(times["seconds"])
    lines = {
        task: summarise(
            all_scores[all_scores["task"] == task],
            times[times["task"] == task],
            METHODS,
            given.scores.bootstrap,
        )
        for task in given.tasks
    }
    return claims_table(judge(given, lines, all_scores, times, METHODS)).set_index("id")
