"""Training pairs in memory, and which pair is shown at which step: a function of seed and step, so it can be resumed."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor

from regbench.geometry.grid import Grid
from regbench.geometry.images import read_volume
from regbench.methods.masks import NO_MASK
from regbench.models.parallel import processes

CPU = torch.device("cpu")
# Of the memory that is free at first, images may hold so much; what does not fit is read again each time.
MEMORY_SHARE, GPU_SHARE = 0.5, 0.1


class Pairs:
    """Prepared pairs (records of the stage `prepared`), all of one grid and one (fixed, moving) pair of contrasts."""

    def __init__(self, records: list[dict[str, Any]], masks: bool = False) -> None:
        """With `masks` each image has its mask as a second channel.

        Raises ValueError when there is no pair, a pair differs from the first in contrasts, or lacks a mask it needs.
        """
        if not records:
            raise ValueError("no pair to train on")
        self.records = records
        self.contrasts: tuple[str, str] = _contrasts(records[0])
        for record in records:
            if _contrasts(record) != self.contrasts:
                raise ValueError(
                    f"{record['pair']}: contrasts {_contrasts(record)}, the others {self.contrasts}"
                )
            if masks and not all(record[side].get("mask") for side in ("fixed", "moving")):
                raise ValueError(f"{record['pair']}: an image has no mask, and {NO_MASK}")
        self._names = ("image", "mask") if masks else ("image",)
        self.grid: Grid = read_volume(records[0]["fixed"]["image"]).grid
        self._kept: dict[str, Tensor] = {}
        self._room: dict[torch.device, float] = {}

    def __len__(self) -> int:
        return len(self.records)

    def batch(
        self, items: list[int], mirrored: list[list[int]], device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Fixed and moving images (B, 1 or 2, D, H, W) of some pairs, each reversed along its axes in `mirrored`."""
        sides = [
            [self._image(self.records[item][side], device) for item in items] for side in ("fixed", "moving")
        ]
        fixed, moving = (
            torch.stack(
                [
                    image.flip([axis + 1 for axis in axes])
                    for image, axes in zip(images, mirrored, strict=True)
                ]
            )
            for images in sides
        )
        return fixed, moving

    def files(self) -> list[tuple[str, int, int]]:
        """(path, size, time of change) of every image: what a checkpoint must agree with."""
        sides = [record[side] for record in self.records for side in ("fixed", "moving")]
        paths = sorted({side[name] for side in sides for name in self._names})
        return [(path, Path(path).stat().st_size, Path(path).stat().st_mtime_ns) for path in paths]

    def _image(self, side: dict[str, Any], device: torch.device) -> Tensor:
        """One image (1 or 2, D, H, W) float32, read once while memory lasts: the device's own, then the CPU's."""
        path = side["image"]
        if path in self._kept:
            return self._kept[path].to(device)
        image = torch.stack([self._channel(side[name]) for name in self._names])
        for place in dict.fromkeys((device, CPU)):
            if self._take(place, image.nbytes):
                self._kept[path] = image.to(place)
                break
        return image.to(device)

    def _take(self, place: torch.device, size: int) -> bool:
        """Whether so many bytes more may be kept there."""
        if place not in self._room:
            self._room[place] = room_for_images(place)
        room = self._room[place] - size
        if room > 0:
            self._room[place] = room
        return room > 0

    def _channel(self, path: str) -> Tensor:
        volume = read_volume(path)
        if not _same_form(volume.grid, self.grid):
            raise ValueError(
                f"{path}: its spacing or shape is not that of {self.records[0]['fixed']['image']}; prepare it again"
            )
        return torch.from_numpy(np.ascontiguousarray(volume.data, np.float32))


def room_for_images(place: torch.device) -> float:
    """Bytes that images may take of the CPU's or a GPU's memory as it is now."""
    if place.type == "cuda":
        return GPU_SHARE * torch.cuda.mem_get_info(place)[0]
    return MEMORY_SHARE * psutil.virtual_memory().available / processes()


def draw(
    seed: int, step: int, pairs: int, batch: int, flip: Sequence[int]
) -> tuple[list[int], list[list[int]]]:
    """Pairs of a step (from 0), and the axes of `flip` that each is mirrored along.

    Every pair comes once before any comes again.
    """
    places = range(step * batch, (step + 1) * batch)
    items = [_order(seed, place // pairs, pairs)[place % pairs] for place in places]
    coins = torch.rand(batch, 3, generator=generator(seed, step, 1)).tolist()
    return items, [[axis for axis in flip if coin[axis] < 0.5] for coin in coins]


def _same_form(a: Grid, b: Grid) -> bool:
    """Same shape, spacing and axes; without a common reference each subject's grid lies around its own brain."""
    return a.shape == b.shape and np.allclose(a.affine[:3, :3], b.affine[:3, :3], atol=1e-4)


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, pairs: int) -> list[int]:
    return torch.randperm(pairs, generator=generator(seed, epoch, 0)).tolist()


def generator(seed: int, number: int, use: int) -> torch.Generator:
    """Random numbers for one `use` at one step or epoch."""
    return torch.Generator().manual_seed(
        int(np.random.SeedSequence([seed, number, use]).generate_state(1)[0])
    )


def _contrasts(record: dict[str, Any]) -> tuple[str, str]:
    return record["fixed"]["contrast"], record["moving"]["contrast"]
