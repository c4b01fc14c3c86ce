import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from regbench.geometry.grid import LPS_RAS, Grid, apply_affine, centred_grid
from tests.geometry.oracles import GRIDS, grid_from


@pytest.mark.parametrize("name", GRIDS)
def test_grid_places_voxels_where_simpleitk_does(name, tmp_path):
    grid = GRIDS[name]
    nib.save(nib.Nifti1Image(np.zeros(grid.shape, np.float32), LPS_RAS @ grid.affine), tmp_path / "a.nii")
    image = sitk.ReadImage(str(tmp_path / "a.nii"))
    for index in [(0, 0, 0), (3, 5, 2), tuple(n - 1 for n in grid.shape)]:
        expected = image.TransformIndexToPhysicalPoint(index)
        assert np.allclose(grid.points()[:, *index], expected, atol=1e-3)
        assert np.allclose(grid.to_points(np.array(index)), expected, atol=1e-3)
    assert np.allclose(grid.spacing, image.GetSpacing(), atol=1e-5)
    assert np.allclose(grid.direction.ravel(), image.GetDirection(), atol=1e-5)
    assert np.allclose(grid.origin, image.GetOrigin(), atol=1e-4)


@given(
    st.tuples(*[st.floats(0.3, 6)] * 3),
    st.tuples(*[st.sampled_from([-1, 1])] * 3),
    st.tuples(*[st.floats(-180, 180)] * 3),
    st.tuples(*[st.floats(-50, 250)] * 3),
)
def test_points_and_indices_invert_each_other(spacing, flips, angles, index):
    grid = grid_from((9, 8, 7), spacing, flips, angles)
    assert np.allclose(grid.to_index(grid.to_points(np.array(index))), index, atol=1e-8)
    assert np.allclose(grid.spacing, spacing)


def test_centred_grid_has_its_middle_where_asked():
    grid = centred_grid((10, 11, 12), (1, 2, 3), np.array([5.0, -6, 7]))
    assert np.allclose(grid.points().reshape(3, -1).mean(axis=1), [5, -6, 7])
    assert np.allclose(grid.direction, np.eye(3))


def test_same_as_sees_a_shift_at_the_far_corner():
    grid = GRIDS["oblique, flipped"]
    stretched = Grid(grid.shape, grid.affine @ np.diag([1.001, 1, 1, 1]))
    assert grid.same_as(Grid(grid.shape, grid.affine))
    assert not grid.same_as(stretched)
    assert grid.same_as(stretched, tol=0.1)
    assert not grid.same_as(Grid((22, 24, 17), grid.affine))


def test_only_a_sheared_grid_is_called_sheared():
    shear = np.eye(4)
    shear[0, 1] = 0.2
    assert Grid((4, 4, 4), shear).sheared
    assert not any(grid.sheared for grid in GRIDS.values())


@pytest.mark.parametrize(
    ("shape", "affine", "message"),
    [
        ((4, 4), np.eye(4), "three sizes"),
        ((4, 4, 0), np.eye(4), "three sizes"),
        ((4, 4, 4), np.zeros((4, 4)), "invertible"),
        ((4, 4, 4), np.full((4, 4), np.nan), "finite"),
    ],
)
def test_impossible_grid_is_refused(shape, affine, message):
    with pytest.raises(ValueError, match=message):
        Grid(shape, affine)


def test_apply_affine_keeps_the_shape_of_its_points():
    matrix = np.array([[0, -1, 0, 5], [1, 0, 0, 0], [0, 0, 2, -1], [0, 0, 0, 1.0]])
    assert np.allclose(apply_affine(matrix, np.array([1, 2, 3])), [3, 1, 5])
    assert apply_affine(matrix, np.zeros((3, 2, 4, 5))).shape == (3, 2, 4, 5)


def test_what_differs_between_two_grids_is_told_in_words():
    grid = GRIDS["oblique, anisotropic"]

    def told(affine=None, shape=grid.shape):
        return Grid(shape, grid.affine if affine is None else affine).differences(grid)

    assert told() == ""
    assert told(shape=(3, 3, 3)) == f"shape (3, 3, 3) instead of {grid.shape}"
    wider = grid.affine.copy()
    wider[:3, :3] *= 1.5
    assert told(wider).startswith("spacing ")
    assert " instead of " in told(wider)
    assert "origin" not in told(wider)
    moved = grid.affine.copy()
    moved[:3, 3] += 2
    assert told(moved).startswith("origin ")
    turned = grid.affine.copy()
    turned[:3, 0] *= -1
    assert told(turned).startswith("direction ")
    assert "spacing" not in told(turned)
    assert "no grid" in told(np.eye(4))
    assert "no grid" in told(np.diag([-1.0, -1, 1, 1]))  # as of a NIfTI file without affine
    assert "turned from RAS to LPS" in told(np.diag([-1.0, -1, 1, 1]) @ grid.affine)
    slightly = grid.affine.copy()
    slightly[0, 3] += 1.5e-3
    assert told(slightly).startswith("origin ")
    slightly = grid.affine.copy()
    slightly[:3, :3] *= 1.0002  # less than a thousandth of a mm a voxel
    assert told(slightly) == f"voxels up to {Grid(grid.shape, slightly).apart(grid):.2g} mm apart"
