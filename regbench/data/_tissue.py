"""From tissue to images: what no warp of the template explains, and what a scanner adds."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Anatomy:
    """A subject's own anatomy, as drawn: replayed by `alter`.

    pial, white: mean shift of the outer and inner border of the cortex, in tissue units (about a millimetre each);
    uneven: how much the shifts vary over the brain; widening: 0..1, how far the ventricles grow (1: about 2 mm).
    """

    pial: float
    white: float
    uneven: float
    widening: float


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Cortex up to about half a millimetre thinner or thicker, ventricles from as they are to wide."""
    return Anatomy(rng.normal(0, 0.12), rng.normal(0, 0.12), rng.uniform(0.1, 0.25), rng.uniform(0, 1) ** 2)


def alter(tissue: np.ndarray, ventricles: np.ndarray, shifts: np.ndarray, anatomy: Anatomy) -> np.ndarray:
    """The subject's tissue: borders shifted, ventricles widened.

    tissue, ventricles: (N, S) at S points of each of N voxels; shifts: (2, N) smooth, unit deviation.
    A border is where tissue passes 0.5 or 1.5; adding to tissue near it moves it, pure tissue stays what it is.
    """
    pial = (anatomy.pial + anatomy.uneven * shifts[0])[:, None]
    white = (anatomy.white + anatomy.uneven * shifts[1])[:, None]
    part = tissue % 1.0
    bump = 4 * part * (1 - part)
    moved = tissue + bump * np.where(tissue < 1, pial, white)
    wide = np.clip((ventricles - (0.6 - 0.42 * anatomy.widening)) / 0.2 + 0.5, 0, 1)
    return np.clip(moved, 0, 2) * (1 - wide)


def draw_levels(rng: np.random.Generator, levels: tuple[float, float, float]) -> tuple[float, float, float]:
    """A subject's own contrast: each tissue a few per cent brighter or darker, their order kept."""
    low, mid, high = (float(v * np.exp(rng.normal(0, 0.04))) for v in levels)
    return low, mid, high


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: np.ndarray) -> np.ndarray:
    """Gaussian noise (D, H, W) of unit deviation, smooth over sigma (3,) voxels."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), tuple(sigma), mode="wrap")
    return noise / noise.std()


def bias_field(rng: np.random.Generator, shape: tuple[int, ...], strength: float) -> np.ndarray:
    """A smooth gain (D, H, W), exp of a random cubic of the position, of deviation `strength`."""
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
    basis = [np.polynomial.legendre.legvander(axis, 3) for axis in axes]
    i, j, k = np.indices((4, 4, 4))
    coefficients = rng.normal(0, 1, (4, 4, 4)) * ((i + j + k <= 3) & (i + j + k > 0))
    log = np.einsum("abc,ia,jb,kc->ijk", coefficients, *basis, optimize=True)
    return np.exp(strength * log / log.std())


def rician(rng: np.random.Generator, image: np.ndarray, sigma: float) -> np.ndarray:
    """The magnitude of a complex signal with Gaussian noise of deviation sigma in both parts (Gudbjartsson 1995)."""
    real = image + rng.normal(0, sigma, image.shape)
    return np.hypot(real, rng.normal(0, sigma, image.shape))
