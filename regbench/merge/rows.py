"""Rows of several studies in one file: of each accuracy run one, of timed runs all."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regbench.merge.differences import Difference
from regbench.merge.sources import Source
from regbench.scores.metrics import METRICS
from regbench.tables.frames import Frame

RUN = ["task", "method", "variant", "repetition", "fixed", "moving"]
LAST_PLACES = 1.5  # two machines may differ by so many units of the last decimal that tables print
SAME_HOST = ("system", "cores", "memory_gb")  # of two machines of one name


def join_scores(sources: Sequence[Source]) -> Frame:
    """All runs once, as the first study has them that really ran them; what was skipped there, from one that did."""
    runs = pd.concat([source.scores.assign(source=n) for n, source in enumerate(sources)], ignore_index=True)
    order = runs["source"] + len(sources) * (runs["status"] == "skipped")
    kept = order == order.groupby([runs[name] for name in RUN]).transform("min")
    joined = runs[kept].drop(columns="source")
    joined["label"] = joined["label"].astype("Int64")
    return joined


def unlike_scores(a: Source, b: Source) -> list[Difference]:
    """Runs that both studies have and that did not come out alike, a difference for each method variant of a task."""
    both = _whole(a).merge(_whole(b), on=[*RUN, "metric"], suffixes=("", "_b"))
    both = both[(both["status"] != "skipped") & (both["status_b"] != "skipped")]
    place = both["metric"].map({name: 10.0**-metric.decimals for name, metric in METRICS.items()})
    apart = (both["value"] - both["value_b"]).abs().fillna(np.inf)
    alike = np.where(both["status"] == "ok", apart <= LAST_PLACES * place, True)
    unlike = both.assign(apart=apart)[(both["status"] != both["status_b"]) | ~alike]
    return [
        Difference(f"scores.{task}.{method}.{variant}", _told(rows, ""), _told(rows, "_b"), "scores.csv")
        for (task, method, variant), rows in unlike.groupby(["task", "method", "variant"])
    ]


def _whole(source: Source) -> Frame:
    return source.scores[source.scores["label"].isna()][[*RUN, "metric", "status", "value"]]


def _told(rows: Frame, suffix: str) -> str:
    """The run and metric that is furthest apart, in units of what a table prints, and how many others there are."""
    places = rows["apart"] / rows["metric"].map({name: 10.0**-m.decimals for name, m in METRICS.items()})
    row = rows.loc[places.idxmax()]
    value = row[f"value{suffix}"]
    said = METRICS[row["metric"]].title + f" {value:.{METRICS[row['metric']].decimals}f}"
    if row[f"status{suffix}"] != "ok":
        said = row[f"status{suffix}"]
    runs = len(rows.drop_duplicates(RUN))
    return f"{said} of {row['fixed']}__{row['moving']}" + (f" ({runs} runs differ)" if runs > 1 else "")


def join_timings(sources: Sequence[Source]) -> tuple[Frame, list[str]]:
    """All timed calls and trainings; what was renamed, in words. A row that two studies share is kept once.

    Times of two machines must not be pooled because both are called `vm`: where two studies' hosts have one name and
    are not the same (SAME_HOST), the later one's gets its study's label behind it.
    """
    frames, known, said = [], {}, []
    for source in sources:
        rows, host = source.timings.copy(), source.environment.get("host")
        facts = {name: source.environment.get(name) for name in SAME_HOST}
        if host and known.setdefault(host, facts) != facts:
            other = f"{host} of {source.label}"
            rows.loc[rows["host"] == host, "host"] = other
            said.append(f"host {host} of {source.folder} is another machine of that name: called {other!r}")
            known[other] = facts
        frames.append(rows)
    joined = pd.concat(frames, ignore_index=True)
    return joined.drop_duplicates(), said
