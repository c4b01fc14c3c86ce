import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import map_coordinates

from regbench.geometry.sampling import sample, sample_volume
from tests.geometry.oracles import GRIDS, smooth_image


def coordinates(shape, count=20000, beyond=2.0):
    share = np.random.default_rng(3).uniform(size=(3, count))
    size = np.array(shape)[:, None]
    return -beyond + share * (size - 1 + 2 * beyond)


def test_linear_samples_equal_scipy_float64_with_clamped_edges():
    data = np.random.default_rng(0).uniform(size=(160, 40, 30)).astype(np.float32)
    index = coordinates(data.shape)
    expected = map_coordinates(data.astype(np.float64), index, order=1, mode="nearest")
    assert np.abs(sample(data, index, order=1, fill=None) - expected).max() < 1e-4


def test_nearest_samples_are_exact_for_labels_of_any_size():
    data = np.random.default_rng(0).integers(0, 2**30, (30, 20, 25)).astype(np.int32)
    index = coordinates(data.shape)
    expected = map_coordinates(data, index, order=0, mode="nearest")
    got = sample(data, index, order=0, fill=None)
    assert got.dtype == np.int32
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("name", GRIDS)
def test_volume_resampled_onto_another_grid_equals_simpleitk(name, order, tmp_path):
    grid, onto = GRIDS[name], GRIDS["oblique, anisotropic"]
    data = smooth_image(grid) if order else np.random.default_rng(0).integers(0, 99, grid.shape)
    data = data.astype(np.float32)
    kind = sitk.sitkLinear if order else sitk.sitkNearestNeighbor
    expected = sitk.Resample(
        as_itk(data, grid), as_itk(np.zeros(onto.shape), onto), sitk.Transform(), kind, -1.0
    )
    got = sample_volume(data, grid, onto.points(), order, fill=-1.0)
    differ = np.abs(got - sitk.GetArrayFromImage(expected).T) > 1e-4
    assert (got > -1).mean() > 0.05
    assert differ.mean() < 1e-4  # ties at the grid's outer face go either way with the last bit


def as_itk(data, grid):
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    image.SetSpacing(grid.spacing.tolist())
    image.SetOrigin(grid.origin.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image


@pytest.mark.parametrize("order", [0, 1])
def test_fill_holds_beyond_half_a_voxel_outside(order):
    data = np.full((4, 5, 6), 7.0, np.float32)
    index = np.array([[-0.4, -0.6, 3.4, 3.6, np.nan], [2] * 5, [2] * 5])
    assert sample(data, index, order, fill=-2).tolist() == [7, -2, 7, -2, -2]
    assert sample(data, index, order, fill=None).tolist() == [7] * 5


def test_channels_are_sampled_together():
    data = np.random.default_rng(0).uniform(size=(3, 8, 9, 10)).astype(np.float32)
    index = coordinates(data.shape[1:]).reshape(3, 100, 200)
    for order in (0, 1):
        together = sample(data, index, order)
        assert together.shape == (3, 100, 200)
        assert np.array_equal(together, np.stack([sample(channel, index, order) for channel in data]))


def test_one_voxel_axis_is_sampled():
    data = np.arange(20, dtype=np.float32).reshape(4, 5, 1)
    assert sample(data, np.array([[2.0], [3.0], [0.2]]), order=1)[0] == 13


def test_other_orders_are_refused():
    with pytest.raises(ValueError, match="order"):
        sample(np.zeros((2, 2, 2)), np.zeros((3, 1)), order=3)
