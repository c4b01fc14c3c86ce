from itertools import product

import numpy as np
import pytest

from regbench.geometry.grid import Grid
from regbench.scores.deformation import folding, non_diffeomorphic_volume
from regbench.scores.truth import field_error

SHAPE = (9, 8, 7)


def oblique_grid(shape=SHAPE) -> Grid:
    """Rotated, flipped and anisotropic."""
    turn, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([1.0, -2.0, 3.0])
    affine[:3, 3] = [10, -20, 5]
    return Grid(shape, affine)


def linear_field(matrix: np.ndarray, grid: Grid) -> np.ndarray:
    """u with x + u(x) = matrix @ x."""
    return np.tensordot(matrix - np.eye(3), grid.points(), axes=1).astype(np.float32)


def inner(shape) -> np.ndarray:
    brain = np.zeros(shape, bool)
    brain[1:-1, 1:-1, 1:-1] = True
    return brain


def inverted_volume_by_tetrahedra(u_voxels: np.ndarray) -> float:
    """Oracle: each voxel's ten tetrahedra one by one, each with the volume that it takes with identity (float64)."""
    index = np.indices(u_voxels.shape[1:]).astype(float)
    place = index + u_voxels
    at = lambda x: place[:, x[0], x[1], x[2]]  # noqa: E731
    volume = 0.0
    for x in product(*(range(1, n - 1) for n in u_voxels.shape[1:])):
        x = np.array(x)
        for signs in product((-1, 1), repeat=3):
            columns = [s * (at(x + s * e) - at(x)) for s, e in zip(signs, np.eye(3, dtype=int), strict=True)]
            volume += max(-np.linalg.det(columns), 0) / 6
        for sign in (-1, 1):
            faces = [sign * np.array(face) for face in ((1, 1, 0), (0, 1, 1), (1, 0, 1))]
            columns = [sign * (at(x + face) - at(x)) for face in faces]
            volume += max(-np.linalg.det(columns), 0) / 6
    return volume / 2


def test_the_ten_tetrahedra_are_the_two_ways_of_cutting_a_cell_in_five():
    """Volumes of identity's tetrahedra: twice the cell, and they are those of the module."""
    # A field that turns the world inside out inverts each of them: 100 % of the brain.
    grid = oblique_grid()
    mirror = linear_field(np.diag([-1.0, 1.0, 1.0]), grid)
    assert non_diffeomorphic_volume(mirror, grid, inner(SHAPE)) == pytest.approx(100, rel=1e-4)
    assert folding(mirror, grid, inner(SHAPE))[0] == 100


@pytest.mark.parametrize("amplitude", [0.3, 1.0, 2.5])
def test_non_diffeomorphic_volume_agrees_with_tetrahedra_in_float64(amplitude):
    grid = Grid(SHAPE, np.diag([2.0, 2.0, 2.0, 1.0]))
    voxels = amplitude * np.random.default_rng(1).standard_normal((3, *SHAPE))
    expected = 100 * inverted_volume_by_tetrahedra(voxels) / inner(SHAPE).sum()
    found = non_diffeomorphic_volume((2 * voxels).astype(np.float32), grid, np.ones(SHAPE, bool))
    assert found == pytest.approx(expected, rel=1e-4)
    assert found > 0


def test_a_fold_between_voxels_is_seen_though_central_differences_are_positive():
    """Liu 2022: a checkerboard displacement cancels in central differences."""
    grid = Grid((12, 12, 12), np.eye(4))
    u = np.zeros((3, 12, 12, 12), np.float32)
    u[0] = 0.8 * (-1.0) ** np.arange(12)[:, None, None]
    brain = inner(grid.shape)
    brain[1] = brain[-2] = False
    assert folding(u, grid, brain)[0] == 0
    assert non_diffeomorphic_volume(u, grid, brain) > 10


def test_a_linear_map_folds_nothing_and_has_no_spread_of_log_j():
    grid = oblique_grid()
    u = linear_field(np.array([[1.1, 0.2, 0], [0, 0.9, 0.1], [0.1, 0, 1.2]]), grid)
    everywhere = np.ones(SHAPE, bool)
    percent, spread = folding(u, grid, everywhere)
    assert percent == 0
    assert spread == pytest.approx(0, abs=1e-4)
    assert non_diffeomorphic_volume(u, grid, everywhere) == 0


def test_slabs_do_not_change_the_volume(monkeypatch):
    grid = Grid((20, 8, 7), np.eye(4))
    u = (1.5 * np.random.default_rng(2).standard_normal((3, *grid.shape))).astype(np.float32)
    brain = np.random.default_rng(3).random(grid.shape) < 0.5
    whole = non_diffeomorphic_volume(u, grid, brain)
    monkeypatch.setattr("regbench.scores.deformation.SLAB", 3)
    assert non_diffeomorphic_volume(u, grid, brain) == pytest.approx(whole, rel=1e-6)


def test_field_error_is_the_mean_length_of_the_difference_where_asked():
    truth = np.zeros((3, *SHAPE), np.float32)
    u = truth + np.array([3.0, 0, 4.0], np.float32)[:, None, None, None]
    u[:, 0] = 100
    where = np.ones(SHAPE, bool)
    where[0] = False
    assert field_error(u, truth, where) == pytest.approx(5)
    assert np.isnan(field_error(u, truth, np.zeros(SHAPE, bool)))
    with pytest.raises(ValueError, match="one grid"):
        field_error(u, truth[:, 1:], where)
