"""The state of a training on disk, so that a killed one goes on exactly where its last checkpoint was."""

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from regbench.models.atomic import save_tensors
from regbench.models.curve import Row


@dataclass
class State:
    """All that changes while a network trains; everything else is a function of settings, seed and step."""

    step: int = 0  # steps done
    seconds: float = 0.0  # spent so far, waiting not counted
    network: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    best_network: dict[str, Any] = field(default_factory=dict)
    best_loss: float = float("inf")
    best_step: int = 0
    rows: list[Row] = field(default_factory=list)


def save_checkpoint(path: Path, key: str, state: State) -> None:
    """Write the state atomically. `key` tells what is being trained: settings, data, code."""
    save_tensors(path, {"key": key, "state": vars(state)})


def load_checkpoint(path: Path, key: str) -> State:
    """The state at `path`; a fresh one where there is none, it cannot be read, or it belongs to another training."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, pickle.UnpicklingError, RuntimeError, EOFError):
        return State()
    if not isinstance(content, dict) or content.get("key") != key:
        return State()
    return State(**content["state"])
