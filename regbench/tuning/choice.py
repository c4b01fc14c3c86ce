"""The rule by which one of a method's settings is chosen, from what they scored on validation pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

# What tells best how right a field is comes first. Similarity prefers fields that are bent too far: the last resort.
CRITERIA: dict[str, Literal["lowest", "highest"]] = {
    "error": "lowest",
    "tre": "lowest",
    "dsc": "highest",
    "nmi": "highest",
}


@dataclass(frozen=True)
class Tried:
    """One setting: what it changes, means over its pairs by metric, pairs without a field, seconds that it took."""

    changes: dict[str, Any]
    means: dict[str, float] = field(default_factory=dict)
    pairs: int = 0
    failed: int = 0
    run_seconds: float = 0.0
    train_seconds: float = 0.0

    def eligible(self, folding_percent: float) -> bool:
        """Whether every pair succeeded, with at most that much folding (% of the brain, the mean over pairs)."""
        return self.pairs > 0 and not self.failed and self.means.get("folding", inf) <= folding_percent


def criterion(tried: Sequence[Tried]) -> str | None:
    """The first criterion that all settings with any score have; None where there is none."""
    scored = [setting for setting in tried if setting.means]
    return next((name for name in CRITERIA if scored and all(name in each.means for each in scored)), None)


def best(tried: Sequence[Tried], folding_percent: float) -> int | None:
    """The number of the best eligible setting, the earliest of several alike; None where none is eligible."""
    name = criterion(tried)
    eligible = [n for n, setting in enumerate(tried) if setting.eligible(folding_percent)]
    if name is None or not eligible:
        return None
    sign = 1 if CRITERIA[name] == "lowest" else -1
    return min(eligible, key=lambda n: sign * tried[n].means[name])
