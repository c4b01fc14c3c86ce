"""Local correlation and its gradient, as models/instance.py has them for any device, compiled for CPUs."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from regbench.models.compiled import in_threads, portions


def correlate(
    image: Tensor, mean: Tensor, variance: Tensor, radius: int, floor: float, other: Tensor
) -> tuple[Tensor, Tensor]:
    """The mean over voxels of the squared local correlation of `image` and `other`, and the gradient of its sum by `other`.

    All (D, H, W) float32, `mean` and `variance` those of `image` in boxes of 2 radius + 1 voxels, beyond the borders zeros.
    The same in any number of threads. Raises ValueError on an image of another size or type.
    """
    if other.shape != image.shape or other.dtype != torch.float32:
        raise ValueError(
            f"{other.dtype} {tuple(other.shape)}: expected torch.float32 {tuple(image.shape)}, as the image it is compared with"
        )
    i, m, v, o = (x.contiguous().numpy() for x in (image, mean, variance, other))
    depth, threads = o.shape[0], torch.get_num_threads()
    back, sums, gradient = np.empty((3, *o.shape), np.float32), np.empty(depth), np.empty(o.shape, np.float32)
    parts = portions(depth, threads)

    def forward(k: int) -> None:
        _correlate(i, m, v, o, radius, floor, parts[k].start, parts[k].stop, back, sums)

    def backward(k: int) -> None:
        _gradient(i, o, back, radius, parts[k].start, parts[k].stop, gradient)

    in_threads(forward, threads)
    in_threads(backward, threads)
    return torch.tensor(sums.sum() / o.size, dtype=torch.float32), torch.from_numpy(gradient)


@njit(nogil=True, cache=True, error_model="numpy")
def _correlate(image, mean, variance, other, radius, floor, start, stop, back, sums):  # type: ignore[no-untyped-def]
    """For planes `start` to `stop`: the sum of correlations of each, and the fields whose boxes the gradient is made of."""
    depth, height, width = other.shape
    planes, row = np.empty((3, height, width), np.float32), np.empty((3, width), np.float32)
    small, two, zero = np.float32(floor), np.float32(2), np.float32(0)
    for z in range(start, stop):
        planes[:] = 0
        for k in range(max(z - radius, 0), min(z + radius + 1, depth)):
            for y in range(height):
                _add(other[k, y], planes[0, y])
                _add_product(other[k, y], other[k, y], planes[1, y])
                _add_product(image[k, y], other[k, y], planes[2, y])
        sums[z] = 0
        for y in range(height):
            for c in range(3):
                _box(planes[c], y, radius, row[c])
            total = zero
            for x in range(width):
                m, v = mean[z, y, x], variance[z, y, x]
                covariance = row[2, x] - m * row[0, x]
                inverse = np.float32(1) / (v * (row[1, x] - row[0, x] * row[0, x]) + small)
                correlation = (covariance * covariance + small) * inverse
                up, down = two * covariance * inverse, two * correlation * inverse * v
                total += correlation
                back[0, z, y, x], back[1, z, y, x] = up, down
                back[2, z, y, x] = up * m - down * row[0, x]
            sums[z] += total


@njit(nogil=True, cache=True, error_model="numpy")
def _gradient(image, other, back, radius, start, stop, out):  # type: ignore[no-untyped-def]
    """Planes `start` to `stop` of the gradient, from `back` as `_correlate` leaves it."""
    depth, height, width = other.shape
    planes, row = np.empty((3, height, width), np.float32), np.empty((3, width), np.float32)
    for z in range(start, stop):
        planes[:] = 0
        for c in range(3):
            for k in range(max(z - radius, 0), min(z + radius + 1, depth)):
                for y in range(height):
                    _add(back[c, k, y], planes[c, y])
        for y in range(height):
            for c in range(3):
                _box(planes[c], y, radius, row[c])
            for x in range(width):
                out[z, y, x] = image[z, y, x] * row[0, x] - other[z, y, x] * row[1, x] - row[2, x]


@njit(nogil=True, cache=True, error_model="numpy")
def _box(plane, y, radius, to):  # type: ignore[no-untyped-def]
    """Into `to`: the mean in the window around each voxel of a row, of planes summed along the first axis."""
    n = to.size
    line = np.zeros(n, np.float32)
    for k in range(max(y - radius, 0), min(y + radius + 1, plane.shape[0])):
        _add(plane[k], line)
    to[:] = line
    for d in range(1, min(radius + 1, n)):
        _add(line[d:], to[: n - d])
        _add(line[: n - d], to[d:])
    scale = np.float32(1) / np.float32(2 * radius + 1) ** 3
    for x in range(n):
        to[x] *= scale


@njit(nogil=True, cache=True, error_model="numpy")
def _add(line, to):  # type: ignore[no-untyped-def]
    for x in range(to.size):
        to[x] += line[x]


@njit(nogil=True, cache=True, error_model="numpy")
def _add_product(a, b, to):  # type: ignore[no-untyped-def]
    for x in range(to.size):
        to[x] += a[x] * b[x]
