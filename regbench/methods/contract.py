"""What a registration method written in Python is: the runner's worker calls exactly this, nothing more."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from regbench.geometry.images import Volume


@dataclass(frozen=True)
class Context:
    """What the runner gives a method once, before its first pair.

    `threads`: CPU threads the method may use; `device`: "cpu" or "cuda"; `seed`: the same for every pair of a
    (study, task, method, repetition); `model`: a trained model's file, None for a method that does not train.
    """

    threads: int
    device: str
    seed: int
    model: Path | None = None


class Method(Protocol):
    """A registration method: `__init__(**options)` takes the options of its method file, literal values only.

    A method may also have `for_pair(pair: dict) -> None`. It is called before `register`, within the load phase,
    with the PAIR record (paths of images, masks and truth), for methods that read more than the two images. And
    `files(names: dict) -> list[Path]`: files made elsewhere that it reads for a pair of those names
    (methods/patterns.py), so that missing ones are known before anything runs.
    """

    def setup(self, context: Context) -> None:
        """Whatever is done once a process (read a model, move it to the device); its time is not a pair's time."""
        ...

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """Register two prepared images, float32 in [0, 1], each with its grid and perhaps a mask.

        The working folder is an empty one that is deleted afterwards; in all other methods it is the user's.

        Returns the displacement (3, D, H, W) float32 on the fixed grid, LPS mm, pull-back:
        warped(x) = moving(x + u(x)). Raises anything: the pair then ends with status `error`.
        """
        ...


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Within the block modules in a method file's folder can be imported, as the runner sees to it for its processes."""
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(folder.resolve()))


def load_method(reference: str, options: dict[str, Any]) -> Method:
    """Import `package.module:Class` and make it with its options.

    Raises ValueError when the reference names no class or the class refuses an option.
    """
    module, _, name = reference.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"python={reference!r}: expected 'package.module:Class' ({error})") from error
    try:
        return kind(**options)
    except TypeError as error:
        raise ValueError(f"{reference}: does not take the options {sorted(options)} ({error})") from error
