"""The claims laid out for reading: a block for each statement, reasons as footnotes."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count, groupby, product
from string import ascii_lowercase
from typing import get_args

from regbench.scores.metrics import METRICS
from regbench.tables.claims import Judged
from regbench.tables.claims_checks import Verdict
from regbench.tables.claims_list import FACTOR, SHARE_OF_GAIN, Claim
from regbench.tables.claims_reasons import FAILED_SHARE
from regbench.tables.comparisons import LEVEL, SEEDS_TO_WIN
from regbench.tables.document import Block, Cell, Document
from regbench.tables.layout import DEVICES, count_cell, seconds_text
from regbench.tables.paper import paper

HEADER = ["Claim", "paper", "ours", "95 %", "p", "effect", "n", "verdict"]
TEXTS = (0, 7)
NOTES = [
    "Ours: the mean over n pairs, the difference between two methods, seconds of one pair, or how many times faster; each with "
    "its bootstrapped 95 % interval. All digits, and the number of training seeds, are in claims.csv.",
    "P values: Wilcoxon's signed-rank test of per-fixed-subject means, of a difference against zero (Holm's correction over the tests "
    "of one statement), of a mean on the paper's own data against the printed one. Effect: the rank-biserial correlation of "
    "the same pairs, from -1 to 1.",
    f"A method is better where the interval lies on its side of zero and p is below {LEVEL}; the claim fails where both are so "
    "on the other side. Neither is no verdict: these data cannot tell. A method speaks through its tuned variant, else its default, "
    "and is compared with every variant of another: it is better where it is better than all, and the claim fails with one (p: the "
    "largest of them for it, times their number against it).",
    f"A printed mean is met within {100 * SHARE_OF_GAIN:g} % of what the paper's own method gains over Affine in that column, seconds "
    f"within a factor of {FACTOR:g} on the paper's own device; the interval, wider by √2 for the error of the paper's own mean, "
    "must lie within these bounds to hold, and outside to fail. MI, SSIM and PSNR of the paper's cells get no verdict: it does not "
    "say how it measured them.",
    "What is comparable, how many times faster, and limits of seconds go by the interval alone: no p, and no correction for the "
    "number of such statements.",
    f"A verdict about a learned method, either way, stands on {SEEDS_TO_WIN} training seeds; with more than {100 * FAILED_SHARE:g} % of "
    "a method's runs failed there is none.",
    "MI is what the paper's method is trained on, and it is better by MI in part for that reason; SSIM and PSNR between two "
    "contrasts say little of alignment. These verdicts say whether the paper's results are met, not which method registers best.",
]


def claims_document(judged: Sequence[Judged], facts: Iterable[str]) -> Document:
    """The page of claims. `facts`: of the study and its data."""
    found = Document(f"Claims of {paper()['citation']}", [*facts, counted(judged)])
    letters: dict[str, str] = {}
    for (family, task), group in groupby(judged, lambda each: (each.claim.family, each.task)):
        each = list(group)
        statement = paper()["claims"][family]["statement"] if each[0].claim.spread is None else "Every cell"
        title = f"{statement} ({each[0].claim.source})" + f", task {task}" * bool(task)
        found.blocks.append(Block(title, HEADER, _rows(each, letters), TEXTS))
    found.notes = [f"{letter}: {reason}." for reason, letter in letters.items()]
    found.notes += [*NOTES, *_spreads(judged)]
    return found


def counted(judged: Iterable[Judged]) -> str:
    """How many claims have which verdict."""
    counts = Counter(each.verdict for each in judged)
    each = [f"{verdict}: {counts[verdict]}" for verdict in get_args(Verdict)]
    return f"{counts.total()} claims. {'; '.join(each)}."


def _rows(group: list[Judged], letters: dict[str, str]) -> list[list[Cell]]:
    several = len({each.claim.method for each in group}) > 1
    return [
        [
            Cell(_label(each.claim, several)),
            _number_cell(each.claim, each.claim.published),
            _number_cell(each.claim, each.numbers.ours),
            Cell(_interval(each)),
            Cell(_p(each.numbers.p), each.numbers.p),
            _number_cell(None, each.numbers.effect),
            count_cell(each.numbers.n or math.nan),
            Cell(f"{each.verdict} {letters.setdefault(each.reason, _letter(len(letters)))}"),
        ]
        for each in group
    ]


def _label(claim: Claim, several: bool) -> str:
    """What tells a claim from the others of its statement, in the paper's names. `several` methods: their names are told."""
    against = f"vs {_name(claim.against)}" if claim.against not in (None, "identity") else ""
    who = " ".join(filter(None, [_name(claim.method) if several or not against else "", against]))
    what = "factor" if claim.check == "ratio" else _column(claim.metric)
    return f"{who}: {what}" if what else who


def _name(method: str | None) -> str:
    rows = [table["rows"] for table in paper()["tables"].values()]
    return next((row[method]["name"] for row in rows if method in row), method or "")


def _column(metric: str) -> str:
    return (
        f"{DEVICES[metric].split()[0]} (s)" if metric in DEVICES else METRICS[metric].title if metric else ""
    )


def _number_cell(claim: Claim | None, value: float | None) -> Cell:
    return Cell(_number(claim, value), math.nan if value is None else value)


def _number(claim: Claim | None, value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    if claim is None:
        return f"{value:.2f}"
    if claim.check == "ratio":
        return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
    return seconds_text(value) if claim.device else f"{value:.{METRICS[claim.metric].decimals}f}"


def _interval(each: Judged) -> str:
    low, high = (_number(each.claim, value) for value in (each.numbers.low, each.numbers.high))
    return "-" if low == "-" else f"{low} to {high}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "<.001" if value < 0.001 else f"{value:.3f}"


def _letter(place: int) -> str:
    """a to z, then aa, ab, …"""
    names = ("".join(word) for size in count(1) for word in product(ascii_lowercase, repeat=size))
    return next(name for at, name in enumerate(names) if at == place)


def _spreads(judged: Iterable[Judged]) -> list[str]:
    """Whether the printed parentheses are nearer to SDs or to variances, told by what was measured on the paper's data."""
    known = [
        (each.claim.spread, each.numbers.sd) for each in judged if each.numbers.sd > 0 and each.claim.spread
    ]
    nearer = sum(abs(math.log(sd**2 / spread)) < abs(math.log(sd / spread)) for spread, sd in known)
    text = f"The paper does not say what its parentheses are: of {len(known)} cells measured on its own data, {nearer} are nearer "
    return [f"{text}to our variance over pairs, {len(known) - nearer} to our SD."] if known else []
