"""Similarity of two images in [0, 1]."""

import numpy as np
from skimage.metrics import structural_similarity

BINS = 64
WINDOW = 7


def mutual_information(fixed: np.ndarray, moving: np.ndarray) -> tuple[float, float]:
    """MI in nats (paper eq. 3) and NMI = (H(f) + H(m)) / H(f, m) (Studholme 1999).

    One estimator for every method, apart from any training loss: 64 equal hard bins on [0, 1].
    fixed, moving: intensities in [0, 1] of the same voxels, any equal shape. Two constant images have NMI 1.
    Raises ValueError when there are no voxels.
    """
    if fixed.size == 0:
        raise ValueError("mutual information of no voxels: the brain mask is empty")
    joint = (
        np.bincount(_bin(fixed) * BINS + _bin(moving), minlength=BINS * BINS).reshape(BINS, BINS) / fixed.size
    )
    entropy_f, entropy_m, entropy = _entropy(joint.sum(1)), _entropy(joint.sum(0)), _entropy(joint)
    nmi = (entropy_f + entropy_m) / entropy if entropy > 0 else 1.0
    return max(entropy_f + entropy_m - entropy, 0.0), nmi


def ssim(fixed: np.ndarray, moving: np.ndarray, brain: np.ndarray) -> tuple[float, float]:
    """Structural similarity (Wang 2004; scikit-image, uniform 7-voxel window, data range 1).

    fixed, moving: (D, H, W) in [0, 1]; brain: bool. Returns the mean over the whole grid (scikit-image's own
    value, which leaves out a 3-voxel rim) and the mean of the same map in the brain.
    """
    similarity = np.ones(fixed.shape, np.float32)  # where both images are 0 the map is exactly 1
    box = _support(fixed, moving)
    if box is not None:
        similarity[box] = structural_similarity(
            fixed[box], moving[box], win_size=WINDOW, data_range=1.0, full=True
        )[1]
    inner = (slice(WINDOW // 2, -(WINDOW // 2)),) * 3
    return float(similarity[inner].mean(dtype=float)), float(similarity[brain].mean(dtype=float))


def psnr(fixed: np.ndarray, moving: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB for data range 1; infinite for equal images. Any equal shapes."""
    error = float(np.mean((fixed - moving) ** 2, dtype=float))
    return -10 * float(np.log10(error)) if error > 0 else float("inf")


def _bin(values: np.ndarray) -> np.ndarray:
    return np.minimum((values.ravel() * BINS).astype(np.int64), BINS - 1)


def _entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def _support(*images: np.ndarray) -> tuple[slice, ...] | None:
    """The box around all that is not 0, with a margin over which the window sees nothing else; None if all is 0."""
    filled = np.logical_or.reduce([image != 0 for image in images])
    box = []
    for axis, size in enumerate(filled.shape):
        used = np.flatnonzero(filled.any(axis=tuple({0, 1, 2} - {axis})))
        if not len(used):
            return None
        # At least two windows wide, so that a thin object is still an image to scikit-image.
        start, stop = max(used[0] - 2 * WINDOW, 0), min(used[-1] + 1 + 2 * WINDOW, size)
        box.append(slice(start, stop))
    return tuple(box)
