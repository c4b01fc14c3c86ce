"""Spatial transformer and the smoothness of a field, in voxels of the grid: (B, 3, D, H, W), channel order = axis order."""

from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from regbench.models import warp_cpu
from regbench.models.compiled import COMPILED_FOR


def warp(image: Tensor, displacement: Tensor, beyond: Literal["zeros", "border"] = "zeros") -> Tensor:
    """image(x + u(x)), trilinear; image (B, C, D, H, W), displacement u (B, 3, D, H, W) in voxels.

    `beyond`: outside lie zeros (for images) or what the border has (for fields). Jaderberg et al. 2015; the paper's
    section II C. Images are finite; NaN or infinity in a field gives NaN. Along an axis of one voxel, an image fades into
    the zeros around it on a CPU, and stays on other devices. Raises ValueError on other shapes than these.
    """
    shape = tuple(image.shape[2:])
    if image.ndim != 5 or displacement.shape != (len(image), 3, *shape):
        raise ValueError(
            f"image {tuple(image.shape)}, displacement {tuple(displacement.shape)}: expected "
            "(B, C, D, H, W) and (B, 3, D, H, W)"
        )
    if image.device.type in COMPILED_FOR and image.dtype == displacement.dtype == torch.float32:
        return _Warp.apply(image, displacement, beyond == "border")  # type: ignore[no-any-return]
    identity, scale = _identity(shape, image.device, displacement.dtype)
    grid = displacement.movedim(1, -1).flip(-1) * scale + identity
    return F.grid_sample(image, grid, mode="bilinear", padding_mode=beyond, align_corners=True)


class _Warp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, displacement: Tensor, border: bool) -> Tensor:
        image, displacement = image.contiguous(), displacement.contiguous()
        ctx.save_for_backward(image, displacement)
        ctx.border = border
        return warp_cpu.warped(image, displacement, border)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        (image, displacement), grad = ctx.saved_tensors, grads[0].contiguous()
        of_image = of_field = None
        if ctx.needs_input_grad[0]:
            of_image = warp_cpu.gradient_of_image(grad, displacement, ctx.border)
        if ctx.needs_input_grad[1]:
            of_field = warp_cpu.gradient_of_field(grad, image, displacement, ctx.border)
        return of_image, of_field, None


def integrate(velocity: Tensor, squarings: int) -> Tensor:
    """The displacement after unit time along a stationary velocity (B, 3, D, H, W), both in voxels.

    Scaling and squaring (Arsigny et al., MICCAI 2006): 2^squarings short steps, doubled by composition with themselves.
    """
    u = (velocity / 2**squarings).contiguous()
    for _ in range(squarings):
        u = u + warp(u, u, beyond="border")
    return u


def squared_gradient(displacement: Tensor) -> Tensor:
    """Mean over voxels of |grad u|^2: the nine squared forward differences of u (B, 3, D, H, W) in voxels, summed.

    The paper's eq. 8 sums over voxels; the mean makes its weight independent of the image's size. On a grid of equal
    spacings the value is that of the field in millimetres.
    """
    return sum(displacement.diff(dim=axis).square().sum(1).mean() for axis in (2, 3, 4))  # type: ignore[return-value]


@lru_cache(maxsize=8)
def _identity(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The identity in grid_sample's coordinates (1, D, H, W, 3), last axis first, and what a voxel measures in them.

    Corners are voxel centres (align_corners): index i of n is at 2 i / (n - 1) - 1. A lone voxel is at 0.
    """
    with torch.inference_mode(False):  # cached: a tensor made while inferring could not be used in training
        axes = [
            torch.linspace(-1, 1, n, device=device, dtype=dtype)
            if n > 1
            else torch.zeros(1).to(device, dtype)
            for n in shape
        ]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], dim=-1)[None]
        scale = torch.tensor([2 / max(n - 1, 1) for n in reversed(shape)], device=device, dtype=dtype)
    return grid, scale
