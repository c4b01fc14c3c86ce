"""What the options of all datasets have in common."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Split = Literal["train", "val", "test"]


class Options(BaseModel):
    """Base of an adapter's options: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
