"""Values between voxels, on many threads; ITK's rules at the border, so that ITK is the oracle.

torch is imported where it is used, as in geometry/fields.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regbench.geometry.grid import Grid

if TYPE_CHECKING:
    import torch


def sample(data: np.ndarray, index: np.ndarray, order: int, fill: float | None = 0.0) -> np.ndarray:
    """Sample a volume at continuous index coordinates.

    data: (D, H, W), or (C, D, H, W) for C values at each voxel. index: (3, ...) in voxels, axis order.
    order: 1 linear (result float32), 0 nearest (result of data's type; a half rounds up, as in ITK).
    fill: the value outside the grid, which ends half a voxel beyond the outer centres as in ITK;
    None takes the nearest edge value. A NaN coordinate counts as outside (with fill None: the first voxel).
    Returns (...) or (C, ...).
    """
    import torch

    if order not in (0, 1):
        raise ValueError(f"order is 0 (nearest) or 1 (linear), found {order}")
    channels = data[None] if data.ndim == 3 else data
    flat = torch.from_numpy(np.ascontiguousarray(index).reshape(3, -1))
    if flat.dtype not in (torch.float32, torch.float64):
        flat = flat.double()
    shape = channels.shape[1:]
    values = _nearest(channels, flat) if order == 0 else _linear(channels, flat)
    if fill is not None:
        values[:, ~_inside(flat, shape).numpy()] = fill
    values = values.reshape(-1, *index.shape[1:])
    return values[0] if data.ndim == 3 else values


def sample_volume(
    data: np.ndarray, grid: Grid, points: np.ndarray, order: int, fill: float | None = 0.0
) -> np.ndarray:
    """`sample` at LPS millimetres (3, ...) instead of indices; data lies on `grid`."""
    return sample(data, grid.to_index(points), order, fill)


def _inside(index: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    import torch

    inside = torch.ones(index.shape[1], dtype=torch.bool)
    for axis, size in enumerate(shape):
        inside &= (index[axis] >= -0.5) & (index[axis] < size - 0.5)
    return inside


def _nearest(channels: np.ndarray, index: torch.Tensor) -> np.ndarray:
    """Rounded indices and an integer gather: labels of any size come back exactly."""
    import torch

    flat = torch.zeros(index.shape[1], dtype=torch.int64)
    for axis, size in enumerate(channels.shape[1:]):
        nearest = torch.floor(index[axis] + 0.5).nan_to_num(0.0).clamp(0, size - 1)
        flat = flat * size + nearest.long()
    return channels.reshape(len(channels), -1)[:, flat.numpy()]


def _linear(channels: np.ndarray, index: torch.Tensor) -> np.ndarray:
    """torch's sampler works on one thread per batch entry, so the points are dealt out over a batch."""
    import torch

    count = index.shape[1]
    parts = max(1, min(torch.get_num_threads(), count // 4096))
    length = -(-count // parts)
    places = torch.zeros((parts * length, 3), dtype=torch.float32)
    for axis, size in enumerate(
        channels.shape[1:]
    ):  # torch wants (W, H, D) order, -1 and 1 at the outer centres
        places[:count, 2 - axis] = (index[axis] * (2.0 / max(size - 1, 1)) - 1.0).float()
    places.nan_to_num_(-1.0)
    volume = torch.from_numpy(np.ascontiguousarray(channels, dtype=np.float32))
    values = torch.nn.functional.grid_sample(
        volume.expand(parts, *volume.shape),
        places.reshape(parts, 1, 1, length, 3),
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )
    return values.movedim(1, 0).reshape(len(channels), -1)[:, :count].contiguous().numpy()
