"""File names with a pair's names in them, such as "/data/{fixed}_to_{moving}.nii.gz"."""

import re
from typing import Any

NAMES = ("fixed", "moving", "fixed_contrast", "moving_contrast", "task")
WORD = re.compile(r"\{(\w*)\}")


def pair_names(pair: dict[str, Any]) -> dict[str, str]:
    """What the words of a pattern stand for: subjects, contrasts and, where the record has it, the task of a PAIR."""
    names = {side: pair[side]["subject"] for side in ("fixed", "moving")}
    names |= {f"{side}_contrast": pair[side].get("contrast", "") for side in ("fixed", "moving")}
    return names | ({"task": pair["task"]} if "task" in pair else {})


def fill(pattern: str, names: dict[str, str]) -> str:
    """The pattern with each {word} of `names` replaced; other braces stay as they are."""
    return WORD.sub(lambda match: names.get(match[1], match[0]), pattern)


def unknown_words(pattern: str) -> list[str]:
    """Words in braces that stand for nothing."""
    return [word for word in WORD.findall(pattern) if word not in NAMES]
