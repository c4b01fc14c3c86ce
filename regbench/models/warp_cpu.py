"""The trilinear warp of models/warp.py and its gradients, compiled for CPUs.

torch has them for any device, but on a CPU in one thread an image, and with the coordinates written out first; a test
holds the two together. The result is the same with any number of threads.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numba import njit
from torch import Tensor

from regbench.models.compiled import in_threads, portions

PARTS = 4  # slabs a thread, so that none waits long for another


def warped(image: Tensor, displacement: Tensor, border: bool) -> Tensor:
    """image(x + u(x)): image (B, C, D, H, W), displacement (B, 3, D, H, W) in voxels. All here are float32 and contiguous."""
    out = torch.empty_like(image)
    _in_slabs(_warp, PARTS, border, image, displacement, out)
    return out


def gradient_of_field(grad: Tensor, image: Tensor, displacement: Tensor, border: bool) -> Tensor:
    """The gradient by the displacement, a voxel (B, 3, D, H, W), from `grad`, that by the warped image (B, C, D, H, W)."""
    out = torch.empty_like(displacement)
    _in_slabs(_pull, PARTS, border, grad, image, displacement, out)
    return out


def gradient_of_image(grad: Tensor, displacement: Tensor, border: bool) -> Tensor:
    """The gradient by the image (B, C, D, H, W) from `grad`, that by the warped image (B, C, D, H, W).

    A thread adds to one slab of the image, its own, so each voxel's sum has one order.
    """
    out = torch.zeros_like(grad)
    _in_slabs(_push, 1, border, grad, displacement, out)
    return out


def _in_slabs(kernel: Callable[..., None], each: int, border: bool, *tensors: Tensor) -> None:
    """The kernel on every item of the tensors (the last is what it writes), by slabs, `each` of them a thread."""
    parts = portions(tensors[-1].shape[2], torch.get_num_threads() * each)
    for item in zip(*(tensor.detach().numpy() for tensor in tensors), strict=True):
        in_threads(partial(_on_slab, kernel, item, border, parts), len(parts))


def _on_slab(
    kernel: Callable[..., None], item: tuple[np.ndarray, ...], border: bool, parts: list[slice], k: int
) -> None:
    kernel(*item, border, parts[k].start, parts[k].stop)


@njit(nogil=True, cache=True, inline="always")
def _between(p, n, border):  # type: ignore[no-untyped-def]
    """The two voxels that position `p` of an axis lies between, their weights, and the weights' slopes.

    Always within the axis: where a voxel lies outside, another stands for it with weight 0, so images must be finite. A
    position of NaN or infinity gives NaN.
    """
    one, zero = np.float32(1.0), np.float32(0.0)
    if zero < p < np.float32(n - 1):  # nearly always
        inside = np.int32(p)
        t = p - np.float32(inside)
        return np.uint32(inside), np.uint32(inside + 1), one - t, t, -one, one
    low, high = (zero, np.float32(n - 1)) if border else (-one - one, np.float32(n))
    q = p if p > low else low
    q = q if q < high else high
    i = np.int64(np.floor(q))
    t = q - np.float32(i) + zero * p
    if border:
        slope = one if low < p < high else zero
        return np.uint32(i), np.uint32(min(i + 1, n - 1)), one - t, t, -slope, slope
    first, second = one if 0 <= i < n else zero, one if -1 <= i < n - 1 else zero
    i, j = np.uint32(max(min(i, n - 1), 0)), np.uint32(max(min(i + 1, n - 1), 0))
    return i, j, first * (one - t), second * t, -first, second


@njit(nogil=True, cache=True)
def _warp(image, u, out, border, start, stop):  # type: ignore[no-untyped-def]
    channels, depth, height, width = image.shape
    for z in range(start, stop):
        for y in range(height):
            for x in range(width):
                z0, z1, a0, a1, _, _ = _between(np.float32(z) + u[0, z, y, x], depth, border)
                y0, y1, b0, b1, _, _ = _between(np.float32(y) + u[1, z, y, x], height, border)
                x0, x1, c0, c1, _, _ = _between(np.float32(x) + u[2, z, y, x], width, border)
                for c in range(channels):
                    v = image[c]
                    out[c, z, y, x] = a0 * (
                        b0 * (c0 * v[z0, y0, x0] + c1 * v[z0, y0, x1])
                        + b1 * (c0 * v[z0, y1, x0] + c1 * v[z0, y1, x1])
                    ) + a1 * (
                        b0 * (c0 * v[z1, y0, x0] + c1 * v[z1, y0, x1])
                        + b1 * (c0 * v[z1, y1, x0] + c1 * v[z1, y1, x1])
                    )


@njit(nogil=True, cache=True)
def _pull(grad, image, u, out, border, start, stop):  # type: ignore[no-untyped-def]
    channels, depth, height, width = image.shape
    for z in range(start, stop):
        for y in range(height):
            for x in range(width):
                z0, z1, a0, a1, da0, da1 = _between(np.float32(z) + u[0, z, y, x], depth, border)
                y0, y1, b0, b1, db0, db1 = _between(np.float32(y) + u[1, z, y, x], height, border)
                x0, x1, c0, c1, dc0, dc1 = _between(np.float32(x) + u[2, z, y, x], width, border)
                along_z = along_y = along_x = np.float32(0.0)
                for c in range(channels):
                    v, g = image[c], grad[c, z, y, x]
                    v000, v001, v010, v011 = v[z0, y0, x0], v[z0, y0, x1], v[z0, y1, x0], v[z0, y1, x1]
                    v100, v101, v110, v111 = v[z1, y0, x0], v[z1, y0, x1], v[z1, y1, x0], v[z1, y1, x1]
                    v00, v01 = c0 * v000 + c1 * v001, c0 * v010 + c1 * v011
                    v10, v11 = c0 * v100 + c1 * v101, c0 * v110 + c1 * v111
                    along_z += g * (da0 * (b0 * v00 + b1 * v01) + da1 * (b0 * v10 + b1 * v11))
                    along_y += g * (a0 * (db0 * v00 + db1 * v01) + a1 * (db0 * v10 + db1 * v11))
                    near = b0 * (dc0 * v000 + dc1 * v001) + b1 * (dc0 * v010 + dc1 * v011)
                    far = b0 * (dc0 * v100 + dc1 * v101) + b1 * (dc0 * v110 + dc1 * v111)
                    along_x += g * (a0 * near + a1 * far)
                out[0, z, y, x], out[1, z, y, x], out[2, z, y, x] = along_z, along_y, along_x


@njit(nogil=True, cache=True)
def _push(grad, u, out, border, start, stop):  # type: ignore[no-untyped-def]
    """Adds to planes `start` to `stop` of `out` alone."""
    channels, depth, height, width = grad.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                z0, z1, a0, a1, _, _ = _between(np.float32(z) + u[0, z, y, x], depth, border)
                lower, upper = start <= z0 < stop, start <= z1 < stop
                if not (lower or upper):
                    continue
                y0, y1, b0, b1, _, _ = _between(np.float32(y) + u[1, z, y, x], height, border)
                x0, x1, c0, c1, _, _ = _between(np.float32(x) + u[2, z, y, x], width, border)
                for c in range(channels):
                    g = grad[c, z, y, x]
                    for plane, a, mine in ((z0, a0, lower), (z1, a1, upper)):
                        if mine:
                            out[c, plane, y0, x0] += g * a * b0 * c0
                            out[c, plane, y0, x1] += g * a * b0 * c1
                            out[c, plane, y1, x0] += g * a * b1 * c0
                            out[c, plane, y1, x1] += g * a * b1 * c1
