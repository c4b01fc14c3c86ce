"""What a claim's check finds: the numbers, and what they say by themselves.

`holds` and `does not hold` are both statements with statistics behind them; what neither has is left open.

- A difference holds where the 95 % interval lies on the claim's side of zero and Wilcoxon's p, corrected by Holm for the
  tests of the same statement, is below 0.05. It does not hold where both are so on the other side. One that cannot be
  told apart from zero is open: it may be there and too small for these subjects.
- A printed mean is met where the interval, all of it, lies within the claim's margin, and is not where all of it lies
  outside. The interval is made wider by √2 for this: the paper's mean is of other subjects and has an error of its own,
  which it does not print and which is taken to be as large as ours. A mean that is not met is left open where the paper
  does not say how its metric was measured (`unsaid`): other bins or another region would do as much.
- A ratio, a limit, and what is called comparable go by the interval.
"""

import math
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np

from regbench.scores.metrics import METRICS
from regbench.tables.claims_evidence import Evidence
from regbench.tables.claims_list import Claim
from regbench.tables.comparisons import LEVEL, difference
from regbench.tables.layout import DEVICES
from regbench.tables.paper import paper
from regbench.tables.speed import Row
from regbench.tables.statistics import FEWEST_SUBJECTS, paired_p, rank_biserial
from regbench.tables.summary import Line

Verdict = Literal["holds", "does not hold", "not testable with these data", "not testable on this device"]
HOLDS: Verdict = "holds"
FAILS: Verdict = "does not hold"
NO_DATA: Verdict = "not testable with these data"
NO_DEVICE: Verdict = "not testable on this device"
OPPOSITE: dict[Verdict, Verdict] = {HOLDS: FAILS, FAILS: HOLDS}
OPEN = NO_DATA  # what the numbers leave open, these data cannot tell
WIDER = math.sqrt(2)
NAN = float("nan")


class Untestable(Exception):
    """There is no number to judge a claim by."""

    def __init__(self, verdict: Verdict, reason: str):
        super().__init__(reason)
        self.verdict: Verdict = verdict
        self.reason = reason


@dataclass(frozen=True)
class Numbers:
    """ours: mean, difference, factor or seconds, with its 95 % interval; n pairs, `subjects` fixed ones.

    p: Wilcoxon's, later corrected for the `tests` of a statement. machine: where seconds were measured. sd: over pairs, of
    a mean on the paper's own data.
    """

    ours: float = NAN
    low: float = NAN
    high: float = NAN
    p: float = NAN
    effect: float = NAN
    n: int = 0
    subjects: int = 0
    tests: int = 1
    machine: str = ""
    sd: float = NAN


def measured(claim: Claim, evidence: Evidence) -> Numbers:
    """The numbers of a claim on a task; Untestable says why there are none."""
    line = _line(evidence, claim.method)
    if claim.device and claim.check != "ratio":
        return _seconds(claim, evidence, line)
    match claim.check:
        case "ratio":
            return _ratio(claim, evidence, line)
        case "value":
            return _value(claim, evidence, line)
        case _:
            return _difference(claim, evidence, line)


def says(claim: Claim, numbers: Numbers) -> tuple[Verdict, str]:
    """What the numbers say of a claim by themselves, in words: as if these were the paper's data and device."""
    if math.isnan(numbers.low):
        return OPEN, "too few subjects or calls for an interval"
    if claim.device:
        return _says_of_time(claim, numbers)
    match claim.check:
        case "value":
            return _says_of_value(claim, numbers)
        case "comparable":
            return _by_interval(
                _towards(claim, numbers),
                -claim.margin,
                "not worse by {:.2g} or more",
                "worse by more than {:.2g}",
            )
        case _:
            return _says_of_difference(claim, numbers)


def _line(evidence: Evidence, method: str) -> Line:
    line = evidence.line(method)
    if line is None:
        raise Untestable(NO_DATA, f"{method} took no part in task {evidence.task}")
    if not line.n:
        raise Untestable(NO_DATA, f"every run of {line.label} failed")
    return line


def _value(claim: Claim, evidence: Evidence, line: Line) -> Numbers:
    if claim.metric not in line.values:
        _lacks(claim, evidence)
    found = line.values[claim.metric]
    numbers = Numbers(found.mean, found.low, found.high, n=found.n)
    if evidence.kind not in claim.data or not claim.same_scans:
        return numbers  # a test against numbers of other scans would mean nothing
    values = evidence.values(line)
    known = values[values[claim.metric].notna()]
    p, subjects = paired_p(known[claim.metric], claim.published, known["fixed"])
    effect = rank_biserial(known[claim.metric], claim.published, known["fixed"])
    return Numbers(found.mean, found.low, found.high, p, effect, found.n, subjects, sd=found.sd)


def _difference(claim: Claim, evidence: Evidence, line: Line) -> Numbers:
    other = _line(evidence, claim.against or "")
    a, b = evidence.values(line), evidence.values(other)
    if claim.metric not in a or claim.metric not in b:
        _lacks(claim, evidence)
    found = difference(claim.metric, a, b, evidence.samples)
    if found is None:
        raise Untestable(NO_DATA, f"{line.label} and {other.label} have no pair in common")
    numbers = (found[name] for name in ("difference", "low", "high", "p", "effect", "pairs", "subjects"))
    return Numbers(*numbers)


def _seconds(claim: Claim, evidence: Evidence, line: Line) -> Numbers:
    rows = evidence.times(line, claim.metric)
    if not rows:
        what = "every timed run failed" if line.times[claim.metric] == "failed" else "not timed"
        raise Untestable(NO_DEVICE, f"{what} on a {DEVICES[claim.metric].split()[0]}")
    row = _on_paper_device(claim, rows)
    seconds = (row[f"steady_{name}"] for name in ("seconds", "low", "high"))
    return Numbers(*seconds, n=row["pairs"], machine=row["machine"])


def _ratio(claim: Claim, evidence: Evidence, line: Line) -> Numbers:
    other = _line(evidence, claim.against or "")
    rows = evidence.ratios(line, other, claim.metric)
    known = [row for row in rows if "times_faster" in row]
    if not known:
        reason = rows[0]["why_not"] if rows else "not both were timed on a CPU"
        raise Untestable(NO_DATA if rows else NO_DEVICE, f"{line.label} and {other.label}: {reason}")
    row = _on_paper_device(claim, known)
    factor = (row[name] for name in ("times_faster", "low", "high"))
    return Numbers(*factor, n=row["pairs"], machine=row["machine"])


def _lacks(claim: Claim, evidence: Evidence) -> NoReturn:
    raise Untestable(NO_DATA, f"task {evidence.task} has no {METRICS[claim.metric].title}")


def _on_paper_device(claim: Claim, rows: list[Row]) -> Row:
    """The row of the paper's own device, else the first machine's."""
    return next((row for row in rows if paper_device(claim, row["machine"])), rows[0])


def paper_device(claim: Claim, machine: str) -> bool:
    """Whether a machine is the one that the paper's times are of; makers' signs and spaces do not count."""
    printed = paper()["tables"][claim.table]["devices"][claim.metric]
    return _plain(printed) in _plain(machine)


def _plain(text: str) -> str:
    return text.lower().replace("(r)", "").replace("(tm)", "").replace(" ", "")


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
    if -claim.margin <= low and high <= claim.margin:
        return HOLDS, f"within {within} of the printed mean"
    if low <= claim.margin and high >= -claim.margin:
        return OPEN, f"too uncertain for a margin of {within}"
    unsaid = paper()["unsaid"].get(claim.metric)
    apart = f"further than {within} from the printed mean"
    return (OPEN, f"{apart}, but the paper does not say: {unsaid}") if unsaid else (FAILS, apart)


def _says_of_time(claim: Claim, numbers: Numbers) -> tuple[Verdict, str]:
    assert claim.published is not None
    interval = numbers.low, numbers.high
    if numbers.n < FEWEST_SUBJECTS:
        return OPEN, f"timed on {numbers.n} of the {FEWEST_SUBJECTS} pairs that are needed"
    if claim.check == "ratio":
        return _by_interval(interval, claim.published, "more than {:g} times", "less than {:g} times")
    if claim.check == "limit":
        verdict, text = _by_interval(interval, claim.published, "more than {:g} s", "within {:g} s")
        return OPPOSITE.get(verdict, verdict), text
    low, high = (seconds / claim.published for seconds in interval)
    if 1 / claim.margin <= low and high <= claim.margin:
        return HOLDS, f"within a factor of {claim.margin:g}"
    if low <= claim.margin and high >= 1 / claim.margin:
        return OPEN, f"too uncertain for a factor of {claim.margin:g}"
    return FAILS, f"not within a factor of {claim.margin:g}"


def _towards(claim: Claim, numbers: Numbers) -> tuple[float, float]:
    """The interval of a difference, positive where the claim's method is better."""
    if METRICS[claim.metric].better == "higher":
        return numbers.low, numbers.high
    return -numbers.high, -numbers.low


def _by_interval(interval: tuple[float, float], limit: float, above: str, below: str) -> tuple[Verdict, str]:
    if interval[0] > limit:
        return HOLDS, above.format(abs(limit))
    if interval[1] < limit:
        return FAILS, below.format(abs(limit))
    return OPEN, f"not told apart from {limit:.3g}"
