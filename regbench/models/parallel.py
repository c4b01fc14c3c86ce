"""One training divided among processes, by torch's DistributedDataParallel: the same losses as in one process.

`python -m torch.distributed.run --nproc-per-node N -m regbench train …` starts the processes; each takes its share of
every batch, and gradients and losses are means over all.
"""

import os
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Share:
    """What this process does of the training: items `rank`, `rank` + `world`, … of a batch."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def of(self, batch: Tensor) -> Tensor:
        """This process's items."""
        return batch[self.rank :: self.world]

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


def join(device: torch.device) -> Share:
    """Meet the other processes, if torch.distributed.run started this one; `Share()` where there are none."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Share()
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Share(distributed.get_rank(), world)
