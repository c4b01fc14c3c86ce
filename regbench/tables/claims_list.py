"""The paper's claims one by one, from the statements in regbench/paper.yaml.

A statement about several methods or metrics becomes a claim for each, called STATEMENT.METHOD.AGAINST.METRIC; one about a
table's cells a claim for each cell. The checks:

- `value`: a printed mean, met within a margin;
- `difference`: a method is better than another by a metric;
- `comparable`: it is not worse by more than a margin;
- `ratio`: it is more than so many times faster;
- `limit`: it takes less than so many seconds;
- `existence`: one method for which all the claims named hold.

The margin of a metric is a tenth of what the paper's own method gains over Affine in that column, so that it means as
much in each; of seconds, a factor of 1.25, the customary bound of equivalence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from regbench.scores.metrics import METRICS
from regbench.tables.layout import DEVICES
from regbench.tables.paper import paper

Check = Literal["value", "difference", "comparable", "ratio", "limit", "existence"]
SHARE_OF_GAIN = 0.1
FACTOR = 1.25


@dataclass(frozen=True)
class Claim:
    """One checkable claim. `family` is its statement, whose tests are corrected together.

    metric: of METRICS, or a device (`cpu`, `cuda`) for seconds on it. published: the printed mean, difference, factor or
    limit; spread: in parentheses after it. margin: in the metric's unit; a factor for seconds. pairs: that a printed score is of. same_scans: false where nobody else has
    the paper's scans.
    untrained: the model must not have been trained on the task. parts: ids of the claims that must hold.
    """

    id: str
    family: str
    source: str
    statement: str
    check: Check
    table: int | None = None
    data: tuple[str, ...] = ()
    method: str = ""
    against: str | None = None
    metric: str = ""
    published: float | None = None
    spread: float | None = None
    margin: float = 0.0
    pairs: int | None = None
    same_scans: bool = True
    untrained: bool = False
    parts: tuple[str, ...] = ()

    @property
    def device(self) -> str | None:
        """The device of a claim about time."""
        return self.metric if self.metric in DEVICES else None


def paper_claims() -> list[Claim]:
    """Every claim, in the paper's order; ids are unique."""
    return [claim for name, entry in paper()["claims"].items() for claim in _claims(name, entry)]


def _claims(name: str, entry: dict[str, Any]) -> Iterator[Claim]:
    shared = {key: entry[key] for key in ("check", "statement", "source", "table") if key in entry}
    shared |= {"family": name, "data": tuple(entry.get("data", ()))}
    shared |= {key: entry[key] for key in ("same_scans", "untrained", "margin", "published") if key in entry}
    methods = entry.get("methods", [])
    match entry["check"]:
        case "value" if not methods:
            yield from _cells(shared)
        case "value":
            for method in methods:
                yield Claim(
                    id=f"{name}.{method}.{entry['metric']}", method=method, metric=entry["metric"], **shared
                )
        case "limit":
            for method in methods:
                made = {"method": method, "metric": entry["metric"], "published": entry["below"]}
                yield Claim(id=f"{name}.{method}", **made, **shared)
        case "ratio":
            for method, factors in paper()["tables"][entry["table"]]["times_faster"].items():
                for against, factor in factors.items():
                    made = {"method": method, "against": against, "metric": "cpu", "published": factor}
                    yield Claim(id=f"{name}.{method}.{against}", **made, **shared)
        case "existence":
            yield Claim(id=name, method=methods[0], parts=tuple(entry["all"]), **shared)
        case _:
            yield from _comparisons(name, entry, shared)


def _cells(shared: dict[str, Any]) -> Iterator[Claim]:
    """A claim for each cell of a table."""
    printed, text = paper()["tables"][shared["table"]], shared["statement"]
    for method, row in printed["rows"].items():
        for metric in (*printed["columns"], *DEVICES):
            if metric in row:
                mean, spread = row[metric]
                column = DEVICES.get(metric) or METRICS[metric].title
                said = text.format(name=row["name"], column=column, printed=f"{mean:.4f} ({spread:.4f})")
                yield Claim(**shared | {
                    "id": f"{shared['family']}.{method}.{metric}", "source": printed["source"], "statement": said,
                    "method": method, "metric": metric, "published": mean, "spread": spread,
                    "margin": margin(shared["table"], metric),
                    "pairs": None if metric in DEVICES else printed["test_pairs"],
                })  # fmt: skip


def _comparisons(name: str, entry: dict[str, Any], shared: dict[str, Any]) -> Iterator[Claim]:
    """A claim for each two methods and each metric; on a table's own data with the difference of its means."""
    printed = paper()["tables"][entry["table"]]
    metrics = [entry["metric"]] if "metric" in entry else printed["columns"]
    for method, against, metric in product(entry["methods"], entry["against"], metrics):
        made = {"method": method, "against": against, "metric": metric}
        if entry["data"][0] == printed["dataset"]:
            means = [printed["rows"][each][metric][0] for each in (method, against)]
            made |= {"published": means[0] - means[1], "margin": margin(entry["table"], metric)}
        yield Claim(id=f"{name}.{method}.{against}.{metric}", **made, **shared)


def margin(table: int, metric: str) -> float:
    """How far from a printed mean still counts as met: in the metric's unit, or a factor for seconds."""
    if metric in DEVICES:
        return FACTOR
    rows = paper()["tables"][table]["rows"]
    return SHARE_OF_GAIN * abs(rows["dmi"][metric][0] - rows["identity"][metric][0])
