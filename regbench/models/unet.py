"""The paper's registration network: a U-Net that takes a pair of images to a displacement field."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYOUT = torch.channels_last_3d  # a quarter faster on a CPU where widths are small; nothing lost elsewhere
SLOPE = 0.2  # of LeakyReLU below zero


class UNet(nn.Module):
    """Encoder of strided convolutions, decoder of upsampling and convolution, skip connections (the paper, section II B).

    All kernels are 3x3x3 and every convolution but the last is followed by LeakyReLU. `encoder`: widths at 1/2, 1/4, …
    of the input's resolution. `decoder`: widths on the way back, as many, the first at the lowest resolution. `final`:
    widths at full resolution before the convolution to the flow field. The paper leaves the widths open; the defaults
    are those of its baseline's first version (Balakrishnan et al., CVPR 2018), with which its run times agree.
    """

    def __init__(
        self,
        encoder: tuple[int, ...] = (16, 32, 32, 32),
        decoder: tuple[int, ...] = (32, 32, 32, 32),
        final: tuple[int, ...] = (16, 16),
    ) -> None:
        super().__init__()
        if not encoder or len(encoder) != len(decoder):
            raise ValueError(
                f"encoder {encoder} and decoder {decoder}: expected as many widths in each, at least one"
            )
        skips = [2, *encoder[:-1]]  # channels at full resolution, 1/2, 1/4, …
        self.down = nn.ModuleList(conv(i, o, stride=2) for i, o in zip(skips, encoder, strict=True))
        inputs = [encoder[-1], *(a + b for a, b in zip(decoder[:-1], reversed(skips[1:]), strict=True))]
        self.up = nn.ModuleList(conv(i, o) for i, o in zip(inputs, decoder, strict=True))
        widths = [decoder[-1] + skips[0], *final]
        self.final = nn.Sequential(*(conv(i, o) for i, o in pairwise(widths)))
        self.flow = Conv3d(widths[-1], 3)
        nn.init.normal_(self.flow.weight, std=1e-5)  # training starts from the identity
        nn.init.zeros_(self.flow.bias)  # pyright: ignore[reportArgumentType]
        self.to(memory_format=LAYOUT)  # pyright: ignore[reportCallIssue]

    def forward(self, fixed: Tensor, moving: Tensor) -> Tensor:
        """Displacement (B, 3, D, H, W) in voxels, pull-back, from images (B, 1, D, H, W) of any size."""
        shape = fixed.shape[2:]
        x = pad(torch.cat([fixed, moving], dim=1), 2 ** len(self.down)).contiguous(memory_format=LAYOUT)
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(x)
        for block in self.up:
            x = F.interpolate(block(x), scale_factor=2, mode="nearest")
            x = torch.cat([x, skips.pop()], dim=1)
        return self.flow(self.final(x))[..., : shape[0], : shape[1], : shape[2]]


class Conv3d(nn.Conv3d):
    """torch's, 3x3x3, padded by one voxel; on a CPU also fast where the input is small.

    torch hands a single image of at most 20480 channels x depth x height to its own convolution, which is five times
    slower there than oneDNN's, and a batch of two to oneDNN whatever its size. So a small image goes as two halves, the
    second beginning where the first one's output ends.
    """

    SMALL = 20480  # torch: aten/src/ATen/native/Convolution.cpp, use_mkldnn

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride=stride, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        """(B, outputs, ceil(D/stride), ceil(H/stride), ceil(W/stride)) from (B, inputs, D, H, W)."""
        batch, channels, depth, height, _ = input.shape
        if batch > 1 or input.device.type != "cpu" or channels * depth * height > self.SMALL:
            return super().forward(input)
        stride = self.stride[0]
        rows = -(-depth // stride)
        half = (rows + 1) // 2
        reach = (half - 1) * stride + 3  # rows that a half reads, in the padded image
        padded = F.pad(input, (0, 0, 0, 0, 1, half * stride + reach - depth - 1))
        halves = torch.cat([padded[:, :, :reach], padded[:, :, half * stride :]])
        out = F.conv3d(halves, self.weight, self.bias, self.stride, padding=(0, 1, 1))
        return torch.cat([out[:1], out[1:]], dim=2)[:, :, :rows]


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Convolution and LeakyReLU, initialised so that signals keep their size (He et al. 2015): with torch's default they
    shrink at each layer, and training lingers at the identity."""
    conv = Conv3d(inputs, outputs, stride)
    nn.init.kaiming_normal_(conv.weight, a=SLOPE, nonlinearity="leaky_relu")
    nn.init.zeros_(conv.bias)  # pyright: ignore[reportArgumentType]
    return nn.Sequential(conv, nn.LeakyReLU(SLOPE, inplace=True))


def pad(x: Tensor, multiple: int) -> Tensor:
    """Zeros behind the last voxels of each axis, up to a multiple: the images' background."""
    behind = [-size % multiple for size in x.shape[2:]]
    return F.pad(x, [0, behind[2], 0, behind[1], 0, behind[0]]) if any(behind) else x
