"""The numbers of a claim on a task: a mean, a difference, seconds or a factor, with interval and test."""

import re
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from regbench.scores.metrics import METRICS
from regbench.tables.claims_evidence import Evidence
from regbench.tables.claims_list import Claim
from regbench.tables.comparisons import difference
from regbench.tables.layout import DEVICES
from regbench.tables.paper import paper
from regbench.tables.speed import Row
from regbench.tables.statistics import paired_p, rank_biserial
from regbench.tables.summary import Line

Verdict = Literal["holds", "does not hold", "not testable with these data", "not testable on this device"]
HOLDS: Verdict = "holds"
FAILS: Verdict = "does not hold"
NO_DATA: Verdict = "not testable with these data"
NO_DEVICE: Verdict = "not testable on this device"
OPEN = NO_DATA  # what the numbers leave open, these data cannot tell
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
    a mean on the paper's own data. against: the row that it is a difference from, or a factor over.
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
    against: str = ""


@dataclass(frozen=True)
class Measured:
    """The numbers of a claim on a task: one, or of a comparison one for each variant of the other method.

    left_out: the variants that there is nothing to say of, each with the reason.
    """

    numbers: list[Numbers]
    left_out: list[str] = field(default_factory=list)


def measured(claim: Claim, evidence: Evidence) -> Measured:
    """The numbers of a claim on a task; Untestable says why there are none."""
    line = _line(claim.method, evidence.line(claim.method), evidence)
    if claim.against is None:
        return Measured([(_seconds if claim.device else _value)(claim, evidence, line)])
    numbers, reasons = [], []
    for other in evidence.variants(claim.against) or [None]:
        try:
            other = _line(claim.against, other, evidence)
            numbers.append((_ratio if claim.check == "ratio" else _difference)(claim, evidence, line, other))
        except Untestable as reason:
            reasons.append(reason)
    if not numbers:
        raise reasons[0]
    return Measured(numbers, [each.reason for each in reasons])


def _line(method: str, line: Line | None, evidence: Evidence) -> Line:
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


def _difference(claim: Claim, evidence: Evidence, line: Line, other: Line) -> Numbers:
    a, b = evidence.values(line), evidence.values(other)
    if claim.metric not in a or claim.metric not in b:
        _lacks(claim, evidence)
    found = difference(claim.metric, a, b, evidence.samples)
    if found is None:
        raise Untestable(NO_DATA, f"{line.label} and {other.label} have no pair in common")
    if claim.check == "comparable":  # its question is the margin, the test's is zero
        found["p"] = NAN
    numbers = (found[name] for name in ("difference", "low", "high", "p", "effect", "pairs", "subjects"))
    return Numbers(*numbers, against=other.label)


def _seconds(claim: Claim, evidence: Evidence, line: Line) -> Numbers:
    rows = evidence.times(line, claim.metric)
    if not rows:
        what = "every timed run failed" if line.times[claim.metric] == "failed" else "not timed"
        raise Untestable(NO_DEVICE, f"{what} on a {DEVICES[claim.metric].split()[0]}")
    row = _on_paper_device(claim, rows)
    seconds = (row[f"steady_{name}"] for name in ("seconds", "low", "high"))
    return Numbers(*seconds, n=row["pairs"], machine=row["machine"])


def _ratio(claim: Claim, evidence: Evidence, line: Line, other: Line) -> Numbers:
    rows = evidence.ratios(line, other, claim.metric)
    known = [row for row in rows if "times_faster" in row]
    if not known:
        reason = rows[0]["why_not"] if rows else "not both were timed on a CPU"
        raise Untestable(NO_DATA if rows else NO_DEVICE, f"{line.label} and {other.label}: {reason}")
    row = _on_paper_device(claim, known)
    factor = (row[name] for name in ("times_faster", "low", "high"))
    return Numbers(*factor, n=row["pairs"], machine=row["machine"], against=other.label)


def _lacks(claim: Claim, evidence: Evidence) -> NoReturn:
    raise Untestable(NO_DATA, f"task {evidence.task} has no {METRICS[claim.metric].title}")


def _on_paper_device(claim: Claim, rows: list[Row]) -> Row:
    """The row of the paper's own device, else the first machine's."""
    return next((row for row in rows if paper_device(claim, row["machine"])), rows[0])


def paper_device(claim: Claim, machine: str) -> bool:
    """Whether a machine is the one that the paper's times are of; makers' names, signs and spaces do not count."""
    printed = paper()["tables"][claim.table]["devices"][claim.metric]
    return _plain(printed) in _plain(machine)


def _plain(text: str) -> str:
    """A driver says "GeForce GTX 1080 Ti" with or without NVIDIA before it."""
    return re.sub(r"nvidia|intel|\(r\)|\(tm\)|\s", "", text.lower())
