import numpy as np
import pytest

from regbench.data._warps import FAMILIES, compose, without_affine
from regbench.geometry.fields import jacobian_determinant
from regbench.geometry.grid import centred_grid

GRID = centred_grid((40, 44, 36), (4.0, 4.0, 4.0), np.array([10.0, -20.0, 5.0]))


@pytest.mark.parametrize("name", FAMILIES)
def test_family_is_replayed_by_its_seed_and_vanishes_with_its_strength(name):
    first, again, other, none = (
        FAMILIES[name](np.random.default_rng(seed), GRID, strength)
        for seed, strength in ((1, 1.0), (1, 1.0), (2, 1.0), (1, 0.0))
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1
    np.testing.assert_allclose(none, 0, atol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_family_does_not_fold_at_its_usual_strength(name):
    u = FAMILIES[name](np.random.default_rng(3), GRID, 0.8)
    assert jacobian_determinant(u, GRID).min() > 0.1


def test_composition_of_one_family_is_that_family_with_its_own_stream():
    alone = FAMILIES["bspline"](np.random.default_rng([5, 0]), GRID, 1.0)
    np.testing.assert_allclose(compose(["bspline"], 5, GRID, 1.0), alone, atol=1e-4)


def test_without_affine_leaves_nothing_of_an_affine_map_and_all_of_the_rest():
    rng = np.random.default_rng(0)
    points = rng.uniform(-50, 50, (3, 500))
    affine = rng.normal(0, 0.1, (3, 3)) @ points + rng.normal(0, 5, (3, 1))
    wave = np.sin(points / 7)
    np.testing.assert_allclose(without_affine(affine, points), 0, atol=1e-9)
    np.testing.assert_allclose(without_affine(affine + wave, points), without_affine(wave, points), atol=1e-9)
