"""What can be set of a training, the same for every network."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingSettings:
    """Length is `steps`, or `epochs` (once through all training pairs) when `steps` is None.

    `batch`: pairs a step. `learning_rate` of Adam; `schedule` is "constant" or "cosine" (falls to zero at the end),
    after a linear rise over the first `warmup` of the steps. `clip_norm`: a gradient (of all weights as one vector) that is
    longer is shortened to this, so that one bad step of many does not undo the training (Pascanu et al. 2013); null for
    never. `validate_every`: steps. `flip`: axes (0, 1, 2) along which
    pairs are mirrored, each with probability one half, so that few subjects go further. `warp_voxels`: mean length
    of the random smooth warps of both images (models/augment.py). `checkpoint_seconds`: how much work a kill may cost.
    """

    steps: int | None = None
    epochs: int | None = None
    batch: int = 1
    learning_rate: float = 1e-4
    schedule: str = "constant"
    warmup: float = 0.0
    clip_norm: float | None = 1.0
    validate_every: int = 100
    flip: Sequence[int] = ()
    warp_voxels: float = 0.0
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(
                f"steps={self.steps}, epochs={self.epochs}: expected one of them, the other left out"
            )
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f"schedule={self.schedule!r}: expected 'constant' or 'cosine'")
        if not set(self.flip) <= {0, 1, 2}:
            raise ValueError(f"flip={self.flip}: expected some of the axes 0, 1 and 2")
        counts = [self.steps or self.epochs or 0, self.batch, self.validate_every]
        if min(counts) < 1 or not 0 <= self.warmup < 1:
            raise ValueError(
                f"{self}: steps, epochs, batch, validate_every are at least 1 and warmup is within [0, 1)"
            )

        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm={self.clip_norm}: expected a length above 0, or null")

    def total(self, pairs: int) -> int:
        """Steps of the whole training on so many pairs."""
        return self.steps or -(-pairs // self.batch) * (self.epochs or 1)
