"""A trained model on disk: weights, and all that must hold for them to be of use. Never a pickle of code."""

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regbench.geometry.grid import Grid
from regbench.models.atomic import save_tensors

FORMAT = 1
NORMALISATION = (
    "value01 = clip((v - low) / (high - low), 0, 1), low and high recorded for each prepared image"
)


@dataclass(frozen=True)
class ModelFacts:
    """What a model was trained on and with; plain values only."""

    method: str  # "package.module:Class"
    options: dict[str, Any]
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]  # mm
    direction: list[list[float]]  # of the grid's axes in LPS
    contrasts: tuple[str, str]  # fixed, moving
    seed: int
    versions: dict[str, str] = field(default_factory=dict)
    normalisation: str = NORMALISATION

    def check_grid(self, grid: Grid, source: Path) -> None:
        """ValueError unless `grid` has this model's spacing and orientation; its shape may differ."""
        if not _near(grid.spacing, self.spacing, 1e-3):
            found = " x ".join(f"{s:g}" for s in grid.spacing)
            wanted = " x ".join(f"{s:g}" for s in self.spacing)
            raise ValueError(
                f"{source}: trained at a spacing of {wanted} mm, the images have {found} mm; resample them"
            )
        if not _near(
            [v for row in grid.direction for v in row], [v for row in self.direction for v in row], 1e-3
        ):
            raise ValueError(
                f"{source}: trained on images of another orientation; prepare them as the training's were"
            )

    def check_contrasts(self, fixed: str, moving: str, source: Path) -> None:
        """ValueError unless the pair's contrasts are those of the training."""
        if (fixed, moving) != tuple(self.contrasts):
            wanted = " to ".join(reversed(self.contrasts))
            raise ValueError(
                f"{source}: trained to align {wanted}, the pair is {moving} to {fixed}; use another model"
            )


def save_model(path: Path, weights: dict[str, Tensor], facts: ModelFacts) -> None:
    """Write a model file atomically."""
    save_tensors(path, {"format": FORMAT, "weights": weights, "facts": asdict(facts)})


def load_model(path: Path) -> tuple[dict[str, Tensor], ModelFacts]:
    """Read a model file, tensors and plain values only.

    Raises FileNotFoundError, or ValueError when it is not a model of regbench (a pickle with code is refused unread).
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file; train it first (the stage `models`)")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"{path}: not a model file of regbench, or one with code in it, which is refused ({reason}); "
            "expected weights: the model.pt that a training wrote"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path}: not a model file of regbench (format {FORMAT}); train it again")
    return content["weights"], ModelFacts(**content["facts"])


def _near(a: Any, b: Any, tolerance: float) -> bool:
    return all(abs(float(x) - float(y)) <= tolerance for x, y in zip(a, b, strict=True))
