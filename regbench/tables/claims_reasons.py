"""Why there is a verdict on a claim or none, and what to read it with, in words."""

from regbench.tables.claims_checks import Measured, Numbers, paper_device
from regbench.tables.claims_evidence import Evidence
from regbench.tables.claims_list import Claim
from regbench.tables.comparisons import SEEDS_TO_WIN
from regbench.tables.paper import paper
from regbench.tables.summary import Line

FAILED_SHARE = 0.05  # of a method's runs: with more, those that are left are not the whole


def speaking(claim: Claim, numbers: Numbers, found: Measured, evidence: Evidence) -> list[str]:
    """Which variants the numbers are of, where there are others."""
    said, own = [], evidence.variants(claim.method)
    if len(own) > 1:
        said.append(f"by {own[0].label}, one of {len(own)} variants")
    if len(found.numbers) > 1:
        said.append(f"against {numbers.against}, the hardest of {len(found.numbers)} variants")
    elif found.left_out:
        said.append(f"against {numbers.against}")
    return [*said, *(f"left out: {reason}" for reason in found.left_out)]


def in_the_way(claim: Claim, evidence: Evidence, seeds: int | None) -> list[str]:
    """Why these data cannot decide a claim, whatever the numbers."""
    found = other_data(claim, evidence)
    if claim.check == "value" and claim.metric in paper()["unsaid"]:
        found.append(f"the paper does not say: {paper()['unsaid'][claim.metric]}")
    if claim.pairs and evidence.kind in claim.data:
        pairs = {evidence.pairs(line) for line in _lines(claim, evidence)} - {claim.pairs}
        found += [f"{n} test pairs, the paper has {claim.pairs}" for n in pairs]
    for line in _lines(claim, evidence):
        if claim.untrained and evidence.trained(line):
            found.append(f"{line.label} was trained on this task")
        failed, runs = evidence.failed(line)
        if failed > FAILED_SHARE * runs:
            found.append(f"{failed} of {runs} runs of {line.label} failed")
    if seeds is not None and seeds < SEEDS_TO_WIN:
        found.append(f"{seeds} of {SEEDS_TO_WIN} training seeds")
    return found


def conditions(claim: Claim, evidence: Evidence, numbers: Numbers) -> list[str]:
    """What a verdict, once there is one, is to be read with."""
    found = [f"{numbers.n} pairs at {_spacing(evidence)} mm"]
    if evidence.kind == "followup":
        found.append(f"on other patients than the paper's, those of dataset {evidence.dataset}")
    if evidence.kind != claim.data[0]:
        found.append(f"on {evidence.kind}, which stands in for {claim.data[0]}")
    if numbers.machine:
        found.append(f"on {numbers.machine}")
    for line in _lines(claim, evidence):
        failed, runs = evidence.failed(line)
        found += [f"{failed} of {runs} runs of {line.label} failed"] if failed else []
    return found


def _spacing(evidence: Evidence) -> str:
    spacing = evidence.spacing
    return " × ".join(f"{mm:g}" for mm in (spacing[:1] if len(set(spacing)) == 1 else spacing))


def other_data(claim: Claim, evidence: Evidence) -> list[str]:
    """That the data are not those that a claim is about, nor stand in for them."""
    if evidence.kind not in claim.data:
        return [f"{evidence.kind} data, not the paper's {claim.data[0]}"]
    return [] if claim.same_scans else ["the paper's scans are not public"]


def other_device(claim: Claim, numbers: Numbers) -> list[str]:
    """A ratio is of two methods on one machine, whichever; seconds are of the paper's own."""
    if not claim.device or claim.check == "ratio" or paper_device(claim, numbers.machine):
        return []
    printed = paper()["tables"][claim.table]["devices"][claim.metric]
    return [f"timed on {numbers.machine}, not on the paper's {printed}"]


def _lines(claim: Claim, evidence: Evidence) -> list[Line]:
    """What a claim is about: the row that speaks for its method, all rows with scores of the one that it is against."""
    others = evidence.variants(claim.against) if claim.against else []
    return [*evidence.variants(claim.method)[:1], *(line for line in others if line.n)]


def fewest_seeds(claim: Claim, evidence: Evidence) -> int | None:
    """Training seeds of the learned method in a claim that has the fewest; None where nothing is learned."""
    learned = [line.seeds for line in _lines(claim, evidence) if evidence.learned(line.method)]
    return min(learned, default=None)
