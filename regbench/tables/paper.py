"""The numbers that the paper printed (regbench/paper.yaml)."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from regbench.data.base import adapters, find_adapter
from regbench.study import Study


@cache
def paper() -> dict[str, Any]:
    """The whole of paper.yaml; `tables` has the printed rows by table number and method name."""
    return yaml.safe_load((files("regbench") / "paper.yaml").read_text(encoding="utf8"))


def same_data(study: Study, task: str) -> bool:
    """Whether a task's images are those that the paper's table was made from, so that numbers may stand together."""
    settings = study.tasks[task]
    kind = study.datasets[settings.dataset].type
    return kind == paper()["tables"][settings.table]["dataset"]


def semi_synthetic(study: Study, task: str) -> bool:
    """Whether a task's images were made from templates; a dataset type that is not installed here says nothing."""
    kind = study.datasets[study.tasks[task].dataset].type
    return kind in adapters() and find_adapter(kind).semi_synthetic
