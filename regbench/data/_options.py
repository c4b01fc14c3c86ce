"""Options of datasets: what all have in common, and the phantom's template."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

Split = Literal["train", "val", "test"]


class Options(BaseModel):
    """Base of an adapter's options: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TemplateFiles(Options):
    """A template of one's own. `tissues` has 1 CSF, 2 grey, 3 white; without it they are told from the T1 image."""

    t1: Path
    labels: Path
    t2: Path | None = None
    tissues: Path | None = None
    mask: Path | None = None

    def paths(self) -> list[Path]:
        """The files that are there to read."""
        return [path for path in (self.t1, self.labels, self.t2, self.tissues, self.mask) if path is not None]
