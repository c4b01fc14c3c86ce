"""A registration network made for speed: a U-Net on blocks of voxels, whose velocity is integrated at half resolution."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regbench.models.unet import LAYOUT, Conv3d, conv, pad
from regbench.models.warp import integrate


class FastUNet(nn.Module):
    """Images enter as blocks of 2x2x2 voxels (16 channels at half resolution: nothing is lost, and no convolution runs at
    full resolution); a stationary velocity leaves at half resolution, is integrated there by scaling and squaring
    (Arsigny et al. 2006), and the displacement is interpolated to the full grid.

    `widths`: channels at 1/2, 1/4, 1/8, … of the input's resolution, of the encoder and of the decoder alike.
    `squarings`: steps of the integration.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 32, 32), squarings: int = 5) -> None:
        super().__init__()
        if not widths or squarings < 0:
            raise ValueError(
                f"widths {widths}, squarings {squarings}: expected at least one width and 0 squarings or more"
            )
        self.squarings = squarings
        self.enter = conv(16, widths[0])
        self.down = nn.ModuleList(conv(i, o, stride=2) for i, o in pairwise(widths))
        self.up = nn.ModuleList(conv(low, high) for high, low in pairwise(widths))
        self.meet = nn.ModuleList(conv(high, high) for high, _ in pairwise(widths))
        self.flow = Conv3d(widths[0], 3)
        nn.init.normal_(self.flow.weight, std=1e-5)  # training starts from the identity
        nn.init.zeros_(self.flow.bias)  # pyright: ignore[reportArgumentType]
        self.to(memory_format=LAYOUT)  # pyright: ignore[reportCallIssue]

    def forward(self, fixed: Tensor, moving: Tensor) -> tuple[Tensor, Tensor]:
        """Displacement (B, 3, D, H, W) and velocity at half resolution, each in voxels of its own grid, pull-back.

        Images (B, 1, D, H, W) of any size.
        """
        shape = fixed.shape[2:]
        velocity = self.velocity(pad(torch.cat([fixed, moving], dim=1), 2 ** (len(self.down) + 1)))
        u = integrate(velocity, self.squarings)
        u = F.interpolate(u, scale_factor=2, mode="trilinear", align_corners=False) * 2
        return u[..., : shape[0], : shape[1], : shape[2]], velocity

    def velocity(self, images: Tensor) -> Tensor:
        """(B, 3, D/2, H/2, W/2) in voxels of that grid, from both images (B, 2, D, H, W) padded to whole blocks."""
        x = self.enter(_blocks(images).contiguous(memory_format=LAYOUT))
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(x)
        for up, meet in zip(reversed(self.up), reversed(self.meet), strict=True):
            x = meet(F.interpolate(up(x), scale_factor=2, mode="nearest") + skips.pop())
        return self.flow(x)


def _blocks(x: Tensor) -> Tensor:
    """(B, C, D, H, W) as (B, 8 C, D/2, H/2, W/2): each block of 2x2x2 voxels becomes one voxel's channels."""
    b, c, d, h, w = x.shape
    x = x.reshape(b, c, d // 2, 2, h // 2, 2, w // 2, 2)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, 8 * c, d // 2, h // 2, w // 2)
