"""One training divided among processes, by torch's DistributedDataParallel: the same losses as in one process.

`python -m torch.distributed.run --nproc-per-node N -m regbench train …` starts the processes; each takes its share of
every batch, and gradients and losses are means over all.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from regbench.runs.lock import machine_lock

Items = TypeVar("Items", Tensor, list[Any])
PATIENCE = timedelta(days=1)  # the first process may wait long for the machine, and the others for it


@dataclass(frozen=True)
class Share:
    """What this process does of the training: items `rank`, `rank` + `world`, … of a batch."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def of(self, batch: Items) -> Items:
        """This process's items of a batch: a tensor (B, ...) or a list."""
        return batch[self.rank :: self.world]  # type: ignore[return-value]

    @contextmanager
    def lock(self, waited: float | None = None) -> Iterator[float]:
        """The machine's shared lock, taken once for all processes; yields the seconds waited.

        Were each to take it, one could wait for a timed run that waits for another of them. `waited`: so many seconds has a
        process that holds it, and ends with this one, waited already (watched.py).
        """
        if waited is not None:
            yield waited
            return
        if not self.first:
            distributed.barrier()
            yield 0.0
            return
        with machine_lock("shared") as waited:
            if self.world > 1:
                distributed.barrier()
            yield waited

    def turns(self, count: int) -> list[tuple[int, bool]]:
        """This process's items among `count`, each with whether it counts: all processes take as many turns."""
        return [
            (min(k, count - 1), k < count)
            for k in range(self.rank, -(-count // self.world) * self.world, self.world)
        ]

    def network(self, network: nn.Module) -> nn.Module:
        """The network, or, among several processes, the same with gradients that are means over all of them."""
        return network if self.world == 1 else DistributedDataParallel(network)

    def summed(self, values: dict[str, float], device: torch.device) -> dict[str, float]:
        """Sums over all processes."""
        if self.world == 1:
            return values
        total = torch.tensor(list(values.values()), dtype=torch.float64, device=device)
        distributed.all_reduce(total)
        return dict(zip(values, total.tolist(), strict=True))


def processes() -> int:
    """How many processes torch.distributed.run started for this training, 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if distributed.is_torchelastic_launched() else 1


def join(device: torch.device) -> Share:
    """Meet the other processes, if torch.distributed.run started this one; `Share()` where there are none."""
    if processes() == 1:
        return Share()
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not distributed.is_initialized():
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=PATIENCE)
    return Share(distributed.get_rank(), distributed.get_world_size())
