"""What `regbench register` is asked to do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regbench.methods.discovery import MethodFile
from regbench.study import LimitSettings


@dataclass(frozen=True)
class Request:
    """What is to be registered, with what.

    `mask` and `moving_mask` are files; `spacing` is the working grid's, mm. `trained_by`: the class whose models the method
    runs with, where that is another method's.
    """

    fixed: Path
    moving: Path
    method: MethodFile
    options: dict[str, Any]
    log: Path
    mask: Path | None = None
    moving_mask: Path | None = None
    model: Path | None = None
    trained_by: str | None = None
    affine: bool = True
    spacing: float | None = None
    device: str = "cpu"
    threads: int = 1
    limits: LimitSettings = field(default_factory=LimitSettings)
