"""One scan session of a phantom subject: its grid, and what the scanner would see there with partial volume."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from regbench.data._maps import Maps
from regbench.data._template import Template
from regbench.data._tissue import alter, bias_field, draw_anatomy, draw_levels, rician, smooth_noise
from regbench.geometry.fields import displace
from regbench.geometry.grid import Grid
from regbench.geometry.sampling import sample_volume

ORIENTATIONS = ("LAS", "RAS", "LPS", "PSR")  # as scanners write them; the letter is where an axis points
UNIT = 1000  # of the brightest tissue in the int16 images


@dataclass(frozen=True, eq=False)
class Session:
    """Images by contrast (int16), labels (int16), mask (uint8), each (D, H, W) on `grid`."""

    grid: Grid
    images: dict[str, np.ndarray]
    labels: np.ndarray
    mask: np.ndarray
    report: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Inside:
    """The brain's N voxels, each cut into S parts: indices (three arrays of N), points (3, N, S) LPS mm in the template and in the head."""

    voxels: tuple[np.ndarray, ...]
    head: np.ndarray
    template: np.ndarray


def draw_grid(rng: np.random.Generator, points: np.ndarray, spacing: tuple[float, float, float]) -> Grid:
    """A scan's grid around points (3, N) LPS mm: some orientation, tilted by up to 6 degrees, 6 mm of margin."""
    code = ORIENTATIONS[rng.integers(len(ORIENTATIONS))]
    axes = np.zeros((3, 3))
    for column, letter in enumerate(code):
        axes["LPS".find(letter) if letter in "LPS" else "RAI".find(letter), column] = (
            1 if letter in "LPS" else -1
        )
    tilt = Rotation.from_rotvec(np.radians(rng.uniform(-3.5, 3.5, 3))).as_matrix()
    direction = tilt @ axes
    along = direction.T @ points
    low, high = along.min(axis=1) - 6, along.max(axis=1) + 6
    shape = [int(n) for n in np.ceil((high - low) / spacing) + 1]
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing
    affine[:3, 3] = direction @ low
    return Grid((shape[0], shape[1], shape[2]), affine)


def scan(
    template: Template, maps: Maps, grid: Grid, seed: list[int], noise: float, bias: float, lesions: float
) -> Session:
    """Scan the subject that `maps` describe. Every kind of chance has a stream of its own from `seed`.

    noise: Rician deviation; bias: deviation of the log gain; lesions: the share of subjects that have some.
    """
    streams = [np.random.default_rng([*seed, number]) for number in range(5)]
    anatomy_rng, lesion_rng, level_rng, texture_rng, noise_rng = streams
    support, inside = _inside(template, maps, grid)
    channels = np.stack([template.tissue, template.ventricles, template.mask, *template.residuals.values()])
    tissue, ventricles, weight, *extra = sample_volume(channels, template.grid, inside.template, 1)
    anatomy = draw_anatomy(anatomy_rng)
    shifts = np.stack([smooth_noise(anatomy_rng, grid.shape, 12 / grid.spacing) for _ in range(2)])
    tissue = alter(tissue, ventricles, shifts[:, *inside.voxels], anatomy)
    lesion, count = _lesions(lesion_rng, template, maps, inside.head, lesions)
    mask = np.zeros(grid.shape, dtype=np.uint8)
    mask[inside.voxels] = weight.mean(axis=1) >= 0.5
    residuals = dict(zip(template.residuals, extra, strict=True))
    images, levels = {}, {}
    for contrast in sorted(template.levels):
        levels[contrast] = draw_levels(level_rng, template.levels[contrast])
        signal = np.interp(tissue, [0, 1, 2], levels[contrast]) + residuals.get(contrast, 0.0)
        signal = _with_lesion(signal, lesion, levels[contrast]) * weight
        image = np.zeros(grid.shape)
        image[inside.voxels] = np.maximum(signal, 0).mean(axis=1)
        image *= 1 + 0.03 * smooth_noise(texture_rng, grid.shape, 1.5 / grid.spacing)
        image = rician(noise_rng, image * bias_field(noise_rng, grid.shape, bias), noise)
        images[contrast] = np.where(mask, np.clip(np.rint(UNIT * image), 1, 32000), 0).astype(np.int16)
    labels = np.where(mask, sample_volume(template.labels, template.grid, support, 0), 0).astype(np.int16)
    report = {"anatomy": vars(anatomy), "lesions": count, "levels": levels}
    return Session(grid, images, labels, mask, report)


def _inside(template: Template, maps: Maps, grid: Grid) -> tuple[np.ndarray, _Inside]:
    """Every voxel's place in the template (3, D, H, W), and the parts of about 1 mm of those near the brain."""
    places = displace(grid.points(), maps.to_template, maps.to_grid)
    near = ndimage.binary_dilation(sample_volume(template.mask, template.grid, places, 0) > 0, iterations=1)
    voxels = np.nonzero(near)
    parts = [max(1, round(float(step))) for step in grid.spacing]
    offsets = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n - 0.5 for n in parts], indexing="ij"))
    index = np.stack(voxels)[:, :, None] + offsets.reshape(3, 1, -1)
    head = grid.to_points(index)
    return places, _Inside(voxels, head, displace(head, maps.to_template, maps.to_grid))


def _lesions(
    rng: np.random.Generator, template: Template, maps: Maps, head: np.ndarray, share: float
) -> tuple[np.ndarray | float, int]:
    """How much of each point (3, N, S) is lesion, 0..1, and the number of lesions: uneven balls of 3 to 7 mm radius."""
    if rng.uniform() >= share:
        return 0.0, 0
    white = np.argwhere(ndimage.binary_erosion(template.tissue[::2, ::2, ::2] > 1.9, iterations=1)) * 2.0
    count = int(rng.integers(1, 4))
    centres = template.grid.to_points(white[rng.integers(len(white), size=count)].T)
    lesion = np.zeros(head.shape[1:])
    for centre in displace(centres, maps.from_template, maps.from_grid).T:
        away = head - centre[:, None, None]
        waves = sum(
            np.sin(np.tensordot(rng.normal(0, 0.6, 3), away, axes=1) + rng.uniform(0, 6)) for _ in range(3)
        )
        distance = np.sqrt((away**2).sum(axis=0)) / rng.uniform(3, 7) * (1 + 0.12 * waves)
        lesion = np.maximum(lesion, np.clip((1.15 - distance) / 0.3, 0, 1))
    return lesion, count


def _with_lesion(
    signal: np.ndarray, lesion: np.ndarray | float, levels: tuple[float, float, float]
) -> np.ndarray:
    """Lesions are wetter than white matter: their level lies between grey matter's and CSF's."""
    return signal + lesion * (0.6 * levels[1] + 0.4 * levels[0] - signal)
