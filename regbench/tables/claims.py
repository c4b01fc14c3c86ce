"""The verdict on each of the paper's claims, from what a study measured.

A claim gets one verdict on every task whose data can decide it, and where a study has none, on the first task of the same
table: its numbers are shown, with what they would say, and the verdict is `not testable with these data`. What stands in
the way of a verdict is named, all of it: other data, another device, a model with fewer than three training seeds (which
decides nothing, for or against, also where only time is asked), failed runs, no statistics.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from regbench.study import Study
from regbench.tables.claims_checks import (
    FAILS,
    HOLDS,
    NO_DATA,
    NO_DEVICE,
    Measured,
    Numbers,
    Untestable,
    Verdict,
    measured,
)
from regbench.tables.claims_evidence import Evidence
from regbench.tables.claims_list import Claim, paper_claims
from regbench.tables.claims_reasons import (
    conditions,
    fewest_seeds,
    in_the_way,
    other_data,
    other_device,
    speaking,
)
from regbench.tables.claims_verdicts import corrected, hardest
from regbench.tables.frames import Frame
from regbench.tables.paper import paper
from regbench.tables.summary import Line, Method

COLUMNS = [
    "id", "source", "statement", "published", "check", "ours", "low", "high", "p", "effect", "n", "seeds", "verdict",
    "reason", "task",
]  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict. `seeds`: the fewest of a learned method in it, None where there is none."""

    claim: Claim
    verdict: Verdict
    reason: str
    numbers: Numbers = field(default_factory=Numbers)
    seeds: int | None = None
    task: str = ""


def judge(
    study: Study,
    lines: Mapping[str, list[Line]],
    scores: Frame,
    timings: Frame,
    methods: Mapping[str, Method],
) -> list[Judged]:
    """Every claim of the paper in its order, each at least once. `lines`: each task's, as `summarise` makes them."""
    evidence = [
        Evidence(
            name,
            task.dataset,
            study.datasets[task.dataset].type,
            task.grid.spacing,
            scores[scores["task"] == name],
            timings[timings["task"] == name],
            lines[name],
            methods,
            study.scores.bootstrap,
        )
        for name, task in study.tasks.items()
    ]
    tables = {name: task.table for name, task in study.tasks.items()}
    found: list[Judged] = []
    claims = paper_claims()
    for family in dict.fromkeys(claim.family for claim in claims):
        its = [claim for claim in claims if claim.family == family]
        if its[0].check == "existence":
            found += [_together(claim, found) for claim in its]
            continue
        asked = _asked(its[0], evidence, tables)
        found += [judged for each in asked for judged in _family(its, each)]
        if not asked:
            found += [Judged(claim, NO_DATA, _no_task(claim)) for claim in its]
    return found


def claims_table(judged: Iterable[Judged]) -> Frame:
    """One row a claim and task, numbers unrounded; `p` is corrected for the tests of the same statement."""
    rows = []
    for each in judged:
        numbers = vars(each.numbers)
        row = {name: numbers[name] for name in ("ours", "low", "high", "p", "effect")}
        row |= {
            name: getattr(each.claim, name) for name in ("id", "source", "statement", "published", "check")
        }
        row |= {"n": each.numbers.n or None, "seeds": each.seeds, "verdict": each.verdict}
        rows.append(row | {"reason": each.reason, "task": each.task})
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"n": "Int64", "seeds": "Int64"})


def _asked(claim: Claim, evidence: list[Evidence], tables: Mapping[str, int]) -> list[Evidence]:
    """The tasks that a statement is judged on; on other data than a table's own, the first of that table is shown."""
    of_table = [each for each in evidence if tables[each.task] == claim.table]
    deciding = [each for each in of_table if each.kind in claim.data]
    elsewhere = of_table[:1] if claim.data[0] == paper()["tables"][claim.table]["dataset"] else []
    return deciding or elsewhere


def _no_task(claim: Claim) -> str:
    return f"no task on {claim.data[0]} data in this study"


def _family(claims: list[Claim], evidence: Evidence) -> list[Judged]:
    """The claims of one statement on one task, their tests corrected together."""
    found: list[tuple[Claim, Measured]] = []
    judged: dict[str, Judged] = {}
    for claim in claims:
        try:
            found.append((claim, measured(claim, evidence)))
        except Untestable as why:
            reason, seeds = (
                "; ".join([why.reason, *other_data(claim, evidence)]),
                fewest_seeds(claim, evidence),
            )
            judged[claim.id] = Judged(claim, why.verdict, reason, seeds=seeds, task=evidence.task)
    numbers = [each.numbers for _, each in found]
    if claims[0].check == "difference":
        numbers = corrected([claim for claim, _ in found], numbers)
    for (claim, each), its in zip(found, numbers, strict=True):
        judged[claim.id] = _judged(claim, replace(each, numbers=its), evidence)
    return [judged[claim.id] for claim in claims]


def _judged(claim: Claim, found: Measured, evidence: Evidence) -> Judged:
    seeds = fewest_seeds(claim, evidence)
    numbers, verdict, said = hardest(claim, found.numbers)
    said = "; ".join([said, *speaking(claim, numbers, found, evidence)])
    device, data = other_device(claim, numbers), in_the_way(claim, evidence, seeds)
    if device or data:
        told = claim.check != "value" or not (device or other_data(claim, evidence))
        reasons = [*device, *data, *([f"here: {said}"] if told else [])]
        verdict = NO_DEVICE if device else NO_DATA
    else:
        reasons = [said, *conditions(claim, evidence, numbers)]
    return Judged(claim, verdict, "; ".join(reasons), numbers, seeds, evidence.task)


def _together(claim: Claim, found: list[Judged]) -> Judged:
    """A claim that all of others hold, on all their tasks: it fails with one of them, and is open where one is."""
    parts = [each for part in claim.parts for each in found if each.claim.id == part]
    seeds = min((each.seeds for each in parts if each.seeds is not None), default=None)
    tasks = "; ".join(dict.fromkeys(each.task for each in parts if each.task))
    failing = [each for each in parts if each.verdict == FAILS]
    decisive = failing or [each for each in parts if each.verdict != HOLDS] or parts
    reasons = []
    for each in decisive:
        where = f" (task {each.task})" * (sum(other.claim == each.claim for other in parts) > 1)
        reasons.append(f"{each.claim.id}{where}: {each.reason}")
    return Judged(claim, decisive[0].verdict, "; ".join(reasons), seeds=seeds, task=tasks)
