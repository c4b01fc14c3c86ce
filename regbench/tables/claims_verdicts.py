"""What the numbers of a claim say by themselves.

`holds` and `does not hold` are both statements with statistics behind them; what neither has is left open.

- A difference holds where the 95 % interval lies on the claim's side of zero and Wilcoxon's p, corrected by Holm for the
  tests of the same statement, is below 0.05. It does not hold where both are so on the other side. One that cannot be
  told apart from zero is open: it may be there and too small for these subjects.
- A comparison with a method of several variants holds where it holds against all of them, and fails with one.
- A printed mean is met where the interval, all of it, lies within the claim's margin, and is not where all of it lies
  outside. The interval is made wider by √2 for this: the paper's mean is of other subjects and has an error of its own,
  which it does not print and which is taken to be as large as ours. Where the paper does not say how its metric was
  measured (`unsaid` in paper.yaml) neither decides anything: other bins or another region would do as much.
- A ratio, a limit, and what is called comparable go by the interval, which is not corrected for their number.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from regbench.scores.metrics import METRICS
from regbench.tables.claims_checks import FAILS, HOLDS, OPEN, Numbers, Verdict
from regbench.tables.claims_list import Claim
from regbench.tables.comparisons import LEVEL
from regbench.tables.statistics import FEWEST_SUBJECTS, holm

WIDER = math.sqrt(2)
Interval = tuple[float, float]


def says(claim: Claim, numbers: Numbers) -> tuple[Verdict, str]:
    """What the numbers say of a claim by themselves, in words: as if these were the paper's data and device."""
    if math.isnan(numbers.low):
        if numbers.subjects:
            return OPEN, f"{numbers.subjects} fixed subjects are too few for an interval and a test"
        return OPEN, "too few subjects or calls for an interval"
    if claim.device:
        return _says_of_time(claim, numbers)
    match claim.check:
        case "value":
            return _says_of_value(claim, numbers)
        case "comparable":
            worse = f"worse by {claim.margin:.3g}"
            texts = f"not {worse} or more", f"{worse} or more", f"not told apart from {worse}"
            return _by_interval(_towards(claim, numbers), (-claim.margin, math.inf), *texts)
        case _:
            return _says_of_difference(claim, numbers)


def hardest(claim: Claim, found: Sequence[Numbers]) -> tuple[Numbers, Verdict, str]:
    """What all numbers of a claim come to together, and those that decide it: the least favourable of this verdict."""
    said = [(numbers, *says(claim, numbers)) for numbers in sorted(found, key=partial(_favour, claim))]
    verdicts = {verdict for _, verdict, _ in said}
    together = FAILS if FAILS in verdicts else OPEN if OPEN in verdicts else HOLDS
    return next(each for each in said if each[1] == together)


def corrected(claims: Sequence[Claim], found: Sequence[Sequence[Numbers]]) -> list[list[Numbers]]:
    """The numbers of one statement's differences, p corrected by Holm over its claims.

    To be better than all variants takes no correction for their number, as the largest p counts; to be worse than one of
    them does: p is multiplied by it (Bonferroni).
    """
    raw = [
        [_p(claim, each, len(group)) for each in group] for claim, group in zip(claims, found, strict=True)
    ]
    largest = np.array([max(group) if group and not np.isnan(group).any() else np.nan for group in raw])
    tests = int(np.count_nonzero(~np.isnan(largest)))
    return [
        [
            replace(each, p=float(holm(np.where(np.arange(len(raw)) == k, p, largest))[k]), tests=tests)
            for each, p in zip(group, raw[k], strict=True)
        ]
        for k, group in enumerate(found)
    ]


def _p(claim: Claim, numbers: Numbers, variants: int) -> float:
    return (
        numbers.p if _favour(claim, numbers) > 0 else float(np.minimum(1.0, variants * numbers.p))
    )  # NaN stays


def _favour(claim: Claim, numbers: Numbers) -> float:
    """How much numbers are for a claim that compares; of others there is but one number."""
    lower = not claim.device and METRICS[claim.metric].better == "lower"
    return -numbers.ours if lower else numbers.ours


def _towards(claim: Claim, numbers: Numbers) -> Interval:
    """The interval of a difference, positive where the claim's method is better."""
    if METRICS[claim.metric].better == "higher":
        return numbers.low, numbers.high
    return -numbers.high, -numbers.low


def _says_of_difference(claim: Claim, numbers: Numbers) -> tuple[Verdict, str]:
    low, high = _towards(claim, numbers)
    significant = numbers.p < LEVEL
    if low > 0 and significant:
        return HOLDS, "better"
    if high < 0 and significant:
        return FAILS, "worse"
    least = 2 * numbers.tests * 0.5**numbers.subjects  # of all signed ranks alike
    few = f"; {numbers.subjects} fixed subjects are too few for any p below {LEVEL}" if least >= LEVEL else ""
    side = "better" if low > 0 else "worse" if high < 0 else ""
    return OPEN, (f"{side} by the interval, not by the test" if side else "not told apart from zero") + few


def _says_of_value(claim: Claim, numbers: Numbers) -> tuple[Verdict, str]:
    assert claim.published is not None
    away = np.array([numbers.low, numbers.high]) - numbers.ours
    low, high = numbers.ours + WIDER * away - claim.published
    unit = METRICS[claim.metric].unit
    within = f"{claim.margin:.2g}" + f" {unit}" * (unit != "1")
    return _by_interval(
        (low, high),
        (-claim.margin, claim.margin),
        f"within {within} of the printed mean",
        f"further than {within} from the printed mean",
        f"too uncertain for a margin of {within}",
    )


def _says_of_time(claim: Claim, numbers: Numbers) -> tuple[Verdict, str]:
    assert claim.published is not None
    interval, limit = (numbers.low, numbers.high), claim.published
    if numbers.n < FEWEST_SUBJECTS:
        return OPEN, f"timed on {numbers.n} of the {FEWEST_SUBJECTS} pairs that are needed"
    if claim.check == "ratio":
        texts = (
            f"more than {limit:g} times",
            f"less than {limit:g} times",
            f"not told apart from {limit:g} times",
        )
        return _by_interval(interval, (limit, math.inf), *texts)
    if claim.check == "limit":
        texts = f"within {limit:g} s", f"more than {limit:g} s", f"not told apart from {limit:g} s"
        return _by_interval(interval, (-math.inf, limit), *texts)
    factor = f"a factor of {claim.margin:g}"
    texts = f"within {factor}", f"not within {factor}", f"too uncertain for {factor}"
    return _by_interval(interval, (limit / claim.margin, limit * claim.margin), *texts)


def _by_interval(
    interval: Interval, bounds: Interval, inside: str, outside: str, between: str
) -> tuple[Verdict, str]:
    """Held where all of the interval lies within the bounds, refuted where none of it does, open between."""
    (low, high), (least, most) = interval, bounds
    if least <= low and high <= most:
        return HOLDS, inside
    return (FAILS, outside) if high < least or low > most else (OPEN, between)
