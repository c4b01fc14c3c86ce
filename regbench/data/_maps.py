"""The two maps between a subject and the template, made, inverted and checked.

`to_template` (pull-back of the template's anatomy) is made first: undo the pose, then a warp. What is stored, sampled
on a grid and linear between its points, is the definition; `from_template` inverts exactly that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from regbench.data._template import Template
from regbench.data._warps import compose, without_affine
from regbench.geometry.fields import displace, displacement, jacobian_determinant
from regbench.geometry.grid import Grid, apply_affine, centred_grid
from regbench.geometry.sampling import sample_volume

LARGEST_MM = 12.0  # no point of the brain moves farther, affine taken out
LEAST_JACOBIAN = 0.1
ATTEMPTS = 6
MARGIN_MM = 18.0  # around the brain: the largest displacement and some background


@dataclass(frozen=True, eq=False)
class Maps:
    """Fields are (3, D, H, W) float32 LPS mm on grids of their own; `report` says what was made and measured."""

    to_template: np.ndarray
    to_grid: Grid
    from_template: np.ndarray
    from_grid: Grid
    report: dict[str, Any]


def draw_pose(rng: np.random.Generator, centre: np.ndarray) -> np.ndarray:
    """4x4 LPS mm, template to subject: up to 10 degrees about any axis, scale, shear, up to 15 mm along each axis."""
    axis = rng.standard_normal(3)
    turn = Rotation.from_rotvec(np.radians(rng.uniform(0, 10)) * axis / np.linalg.norm(axis)).as_matrix()
    shape = np.diag(np.exp(rng.normal(0, 0.04, 3).clip(-0.08, 0.08)))
    shape[np.triu_indices(3, 1)] = rng.uniform(-0.03, 0.03, 3)
    pose = np.eye(4)
    pose[:3, :3] = turn @ shape
    pose[:3, 3] = centre + rng.uniform(-15, 15, 3) - pose[:3, :3] @ centre
    return pose


def make_maps(
    template: Template, families: Sequence[str], seed: int, pose: np.ndarray, amplitude: float, spacing: float
) -> Maps:
    """Maps whose warp has mean length `amplitude` mm in the brain (affine taken out), without folding.

    A warp that folds, or moves some point farther than 12 mm, is replaced: another seed and 8 % less, both
    deterministic and reported. RuntimeError when no attempt succeeds.
    """
    reasons = []
    for attempt in range(ATTEMPTS):
        wanted = amplitude * 0.92**attempt
        maps = _one_attempt(template, families, seed + attempt, pose, wanted, spacing)
        reason = _fault(maps.report)
        if not reason:
            maps.report["rejected"] = reasons
            return maps
        reasons.append(reason)
    raise RuntimeError(f"no warp without fault at {amplitude} mm: {'; '.join(reasons)}; lower amplitude_mm")


def brain_points(template: Template, count: int = 20000) -> np.ndarray:
    """(3, count) LPS mm, spread over the template's brain."""
    index = np.argwhere(template.mask > 0.5).T
    return template.grid.to_points(index[:, :: max(1, index.shape[1] // count)])


def _one_attempt(
    template: Template, families: Sequence[str], seed: int, pose: np.ndarray, wanted: float, spacing: float
) -> Maps:
    brain = brain_points(template)
    domain = _box(brain, MARGIN_MM, spacing)
    warp = _warp_of_length(families, seed, domain, brain, wanted)
    to_grid = _box(apply_affine(pose, brain), MARGIN_MM, spacing)
    template_side = displace(apply_affine(np.linalg.inv(pose), to_grid.points()), warp, domain)
    to_template = displacement(template_side, to_grid)
    from_template = _invert(to_template, to_grid, pose, domain)
    maps = Maps(to_template, to_grid, from_template, domain, {})
    maps.report.update(_measure(maps, template, brain, pose))
    return maps


def _warp_of_length(
    families: Sequence[str], seed: int, domain: Grid, brain: np.ndarray, wanted: float
) -> np.ndarray:
    """The families' warp on `domain`, its strength found by trial so that its mean length is `wanted` mm within 3 %."""
    strength = 1.0
    u = compose(families, seed, domain, strength)
    for _ in range(3):
        length = np.linalg.norm(without_affine(sample_volume(u, domain, brain, 1), brain), axis=0).mean()
        if abs(length / wanted - 1) < 0.03:
            break
        strength *= wanted / length
        u = compose(families, seed, domain, strength)
    return u


def _invert(u: np.ndarray, grid: Grid, pose: np.ndarray, onto: Grid) -> np.ndarray:
    """The field on `onto` (template) of y -> x with x + u(x) = y: fixed-point steps, corrected by the pose."""
    target = onto.points().reshape(3, -1)
    x = apply_affine(pose, target)
    left = np.arange(target.shape[1])
    for step in range(80):
        miss = target[:, left] - displace(x[:, left], u, grid)
        # Full steps overshoot for ever where the map stretches more than twofold; half steps bear fourfold.
        x[:, left] += (1.0 if step < 20 else 0.5) * pose[:3, :3] @ miss
        left = left[np.abs(miss).max(axis=0) > 1e-3]
        if not left.size:
            break
    return displacement(x.reshape(3, *onto.shape), onto)


def _measure(maps: Maps, template: Template, brain: np.ndarray, pose: np.ndarray) -> dict[str, Any]:
    """Length after the pose is taken out, folding of both maps, and how far there-and-back misses, in the brain."""
    head = displace(brain, maps.from_template, maps.from_grid)
    back = displace(head, maps.to_template, maps.to_grid)
    again = displace(back, maps.from_template, maps.from_grid)
    moved = without_affine(apply_affine(np.linalg.inv(pose), head) - brain, brain)
    length = np.linalg.norm(moved, axis=0)
    miss = np.maximum(np.linalg.norm(back - brain, axis=0), np.linalg.norm(again - head, axis=0))
    to_jacobian = jacobian_determinant(maps.to_template, maps.to_grid)
    from_jacobian = jacobian_determinant(maps.from_template, maps.from_grid)
    return {
        "mean_mm": float(length.mean()),
        "max_mm": float(length.max()),
        "least_jacobian_to": float(sample_volume(to_jacobian, maps.to_grid, head, 0).min()),
        "least_jacobian_from": float(sample_volume(from_jacobian, maps.from_grid, brain, 0).min()),
        "inverse_error_mean_mm": float(miss.mean()),
        "inverse_error_max_mm": float(miss.max()),
    }


def _fault(report: dict) -> str:
    least = min(report["least_jacobian_to"], report["least_jacobian_from"])
    if least <= LEAST_JACOBIAN:
        return f"a Jacobian determinant of {least:.2f}"
    if report["max_mm"] > LARGEST_MM:
        return f"a displacement of {report['max_mm']:.1f} mm"
    if report["inverse_error_mean_mm"] > 0.1 or report["inverse_error_max_mm"] > 0.5:
        return f"maps that miss each other by {report['inverse_error_max_mm']:.2f} mm"
    return ""


def _box(points: np.ndarray, margin: float, spacing: float) -> Grid:
    """A grid along the LPS axes around points (3, N) LPS mm."""
    low, high = points.min(axis=1) - margin, points.max(axis=1) + margin
    size = [int(n) for n in np.ceil((high - low) / spacing) + 1]
    return centred_grid((size[0], size[1], size[2]), (spacing, spacing, spacing), (low + high) / 2)
