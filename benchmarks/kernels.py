"""What is compiled for CPUs besides the MI loss, at 160 x 192 x 160 voxels, beside the same by torch: seconds and errors.

usage: python benchmarks/kernels.py [--threads 2] [--save]
`warp`: an image's warp and the gradient by the field. `integrate`: scaling and squaring of a velocity at half resolution,
and the gradient by it. `correlation`: the local correlation of two images and its gradient by one of them, the moments of
the other included, which DMI-IO takes once in ten steps. Both ways take turns in one process, and the fastest of several
calls counts. `error`: of ours, values and gradients, relative (L2) to torch's in float64. The last line holds torch's
seconds over ours, and the largest error. `--save` writes benchmarks/results/kernels_cpu.json.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch
from machine import keep, machine
from torch import Tensor
from torch.nn import functional as F

from regbench.models import instance
from regbench.models import warp as warping

SHAPE, SQUARINGS, RADIUS, CALLS = (160, 192, 160), 5, 2, 7
HALF = tuple(n // 2 for n in SHAPE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    rows = [
        compared("warp", warping, warp, warp, smooth(1, SHAPE).sigmoid(), 2 * smooth(3, SHAPE)),
        compared("integrate", warping, integrate, integrate, 2 * smooth(3, HALF)),
        compared("correlation", instance, correlation, pooled, *smooth(2, SHAPE)[0].sigmoid()),
    ]
    summary = {f"{row['kernel']}_speedup": row["torch_seconds"] / row["seconds"] for row in rows}
    summary["error"] = max(row["error"] for row in rows)
    if options.save:
        keep("kernels_cpu", machine("cpu", options.threads), rows, summary)
    print("kernels: " + " ".join(f"{name}={value:.3g}" for name, value in summary.items()))


Work = Callable[..., list[Tensor]]  # of some images: values, and a gradient


def compared(name: str, module: Any, work: Work, in_doubles: Work, *inputs: Tensor) -> dict[str, Any]:
    """Seconds both ways, and the error of ours; `module` says by its COMPILED_FOR which way is taken."""
    ours, theirs = [], []
    for _ in range(CALLS + 1):
        seconds, found = timed(work, inputs)
        ours.append(seconds)
        with patch.object(module, "COMPILED_FOR", ()):
            theirs.append(timed(work, inputs)[0])
    exact = in_doubles(*(x.double() for x in inputs))
    error = max(float((a - b).norm() / b.norm()) for a, b in zip(found, exact, strict=True))
    row = {"kernel": name, "seconds": min(ours[1:]), "torch_seconds": min(theirs[1:]), "error": error}
    print(
        f"{name:12} {row['seconds']:8.3f} s, by torch {row['torch_seconds']:8.3f} s, error {error:.2g}",
        flush=True,
    )
    return row


def timed(work: Work, inputs: tuple[Tensor, ...]) -> tuple[float, list[Tensor]]:
    start = time.perf_counter()
    found = work(*inputs)
    return time.perf_counter() - start, found


def warp(image: Tensor, displacement: Tensor) -> list[Tensor]:
    field = displacement.detach().requires_grad_()
    out = warping.warp(image, field)
    return [out.detach(), *torch.autograd.grad(out.square().sum(), field)]


def integrate(velocity: Tensor) -> list[Tensor]:
    velocity = velocity.detach().requires_grad_()
    out = warping.integrate(velocity, SQUARINGS)
    return [out.detach(), *torch.autograd.grad(out.square().sum(), velocity)]


def correlation(image: Tensor, other: Tensor) -> list[Tensor]:
    return list(instance.local_correlation(image, RADIUS)(other))


def pooled(image: Tensor, other: Tensor) -> list[Tensor]:
    """`correlation` by its definition, with pooled windows."""
    other = other.detach().requires_grad_()

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool3d(x[None, None], 2 * RADIUS + 1, stride=1, padding=RADIUS)[0, 0]

    covariance = mean(image * other) - mean(image) * mean(other)
    variances = (mean(image**2) - mean(image) ** 2) * (mean(other**2) - mean(other) ** 2)
    squared = (covariance**2 + instance.FLOOR) / (variances + instance.FLOOR)
    return [squared.mean().detach(), *torch.autograd.grad(squared.sum(), other)]


def smooth(channels: int, shape: tuple[int, ...]) -> Tensor:
    """(1, channels, D, H, W), values of mean 0 and SD 1 that change over eight voxels."""
    knots = torch.randn(1, channels, *(n // 8 for n in shape))
    values = F.interpolate(knots, size=shape, mode="trilinear")
    return (values - values.mean()) / values.std()


if __name__ == "__main__":
    main()
