import ants
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from regbench.geometry.fields import (
    compose_affine,
    displace,
    displacement,
    jacobian_determinant,
    mm_to_voxels,
    read_field,
    resample_field,
    voxels_to_mm,
    write_field,
)
from regbench.geometry.grid import Grid, apply_affine
from regbench.geometry.images import read_volume, write_volume
from regbench.geometry.sampling import sample_volume
from tests.geometry.oracles import GRIDS, itk_displacement, points_within, smooth_field, smooth_image

MOVING = GRIDS["oblique, anisotropic"]


@pytest.mark.parametrize("name", GRIDS)
def test_field_written_by_us_moves_points_as_simpleitk_does(name, tmp_path):
    grid, path = GRIDS[name], tmp_path / "field.nii.gz"
    u = smooth_field(grid)
    write_field(path, u, grid)
    transform, points = itk_displacement(path), points_within(grid)
    expected = np.transpose([transform.TransformPoint(point) for point in points.T.tolist()])
    assert np.abs(displace(points, u, grid) - expected).max() < 1e-3
    back, back_grid = read_field(path)
    assert np.array_equal(back, u)
    assert back_grid.same_as(grid)


@pytest.mark.parametrize("name", GRIDS)
def test_field_written_by_us_warps_images_as_simpleitk_and_ants_do(name, tmp_path):
    grid = GRIDS[name]
    u, image = smooth_field(grid), smooth_image(MOVING)
    write_field(tmp_path / "field.nii.gz", u, grid)
    write_volume(tmp_path / "moving.nii.gz", image, MOVING)
    write_volume(tmp_path / "fixed.nii.gz", np.zeros(grid.shape, np.float32), grid)
    ours = sample_volume(image, MOVING, displace(grid.points(), u, grid), order=1)
    fixed, moving = (sitk.ReadImage(str(tmp_path / f"{n}.nii.gz")) for n in ("fixed", "moving"))
    itk = sitk.Resample(moving, fixed, itk_displacement(tmp_path / "field.nii.gz"), sitk.sitkLinear, 0.0)
    by_ants = ants.apply_transforms(
        ants.image_read(str(tmp_path / "fixed.nii.gz")),
        ants.image_read(str(tmp_path / "moving.nii.gz")),
        [str(tmp_path / "field.nii.gz")],
        interpolator="linear",
    )
    assert (ours > 0).mean() > 0.05
    for theirs in (sitk.GetArrayFromImage(itk).T, by_ants.numpy()):
        assert (np.abs(ours - theirs) > 1e-3).mean() < 2e-3  # single voxels on the moving grid's outer face


@pytest.mark.parametrize("intent", [1007, 1006])
def test_field_written_by_others_is_read_as_simpleitk_reads_it(intent, tmp_path):
    grid = GRIDS["oblique, flipped"]
    vectors = np.moveaxis(smooth_field(grid), 0, -1)[:, :, :, None]
    image = nib.Nifti1Image(vectors, np.diag([-1, -1, 1, 1]) @ grid.affine)
    image.header["intent_code"] = intent
    nib.save(image, tmp_path / "field.nii")
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "field.nii")))
    assert np.array_equal(read_field(tmp_path / "field.nii")[0], expected.T)


def test_files_that_are_no_displacement_fields_are_refused_by_name(tmp_path):
    grid = Grid((4, 5, 6), np.eye(4))
    write_volume(tmp_path / "image.nii", np.zeros(grid.shape, np.float32), grid)
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6, 3), np.float32), np.eye(4)), tmp_path / "voxels.nii")
    for name in ("image.nii", "voxels.nii"):
        with pytest.raises(ValueError, match=rf"{name}.*displacement field"):
            read_field(tmp_path / name)
    write_field(tmp_path / "nan.nii", np.full((3, 4, 5, 6), np.nan), grid)
    with pytest.raises(ValueError, match=r"nan\.nii.*NaN"):
        read_field(tmp_path / "nan.nii")
    with pytest.raises(ValueError, match=r"f\.nii"):
        write_field(tmp_path / "f.nii", np.zeros((4, 5, 6, 3)), grid)


@settings(max_examples=20)
@given(st.sampled_from(sorted(GRIDS)), st.integers(0, 100))
def test_voxels_and_millimetres_convert_both_ways(name, seed):
    grid = GRIDS[name]
    u = smooth_field(grid, seed)
    voxels = mm_to_voxels(u, grid)
    index = np.indices(grid.shape) + voxels
    assert np.abs(grid.to_points(index) - (grid.points() + u)).max() < 1e-3
    assert np.abs(voxels_to_mm(voxels, grid) - u).max() < 1e-4


def test_displacement_undoes_displace():
    grid = MOVING
    u = smooth_field(grid)
    assert np.allclose(displacement(displace(grid.points(), u, grid), grid), u, atol=1e-4)


def test_points_beyond_the_grid_move_like_the_nearest_edge():
    grid = Grid((5, 5, 5), np.eye(4))
    u = np.zeros((3, 5, 5, 5), np.float32)
    u[0, 4] = 2
    assert displace(np.array([9.0, 2, 2]), u, grid).tolist() == [11, 2, 2]


def some_affine(seed):
    linear = np.eye(3) + np.random.default_rng(seed).uniform(-0.25, 0.25, (3, 3))
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = [4, -3, 2]
    return matrix


def test_composed_field_on_a_native_grid_equals_simpleitk_composite(tmp_path):
    grid, native = GRIDS["LPS"], GRIDS["oblique, flipped"]
    u, before, after = smooth_field(grid), some_affine(1), some_affine(2)
    write_field(tmp_path / "u.nii.gz", u, grid)
    chain = sitk.CompositeTransform(3)
    for step in (itk_affine(after), itk_displacement(tmp_path / "u.nii.gz"), itk_affine(before)):
        chain.AddTransform(step)  # the last one added is applied first
    composed = compose_affine(u, grid, native, before, after)
    points = native.points().reshape(3, -1)
    index = grid.to_index(apply_affine(before, points))
    inside = ((index > 0) & (index < np.array(grid.shape)[:, None] - 1)).all(axis=0)
    assert inside.sum() > 500
    expected = np.transpose([chain.TransformPoint(point) for point in points.T[inside].tolist()])
    assert np.abs(points[:, inside] + composed.reshape(3, -1)[:, inside] - expected).max() < 1e-3


def itk_affine(matrix):
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    return transform


def test_resampled_field_equals_simpleitk(tmp_path):
    grid, onto = GRIDS["LPS"], GRIDS["RAS"]
    u = smooth_field(grid)
    write_field(tmp_path / "u.nii", u, grid)
    write_volume(tmp_path / "onto.nii", np.zeros(onto.shape), onto)
    field, like = sitk.ReadImage(str(tmp_path / "u.nii")), sitk.ReadImage(str(tmp_path / "onto.nii"))
    expected = sitk.GetArrayFromImage(sitk.Resample(field, like, sitk.Transform(), sitk.sitkLinear)).T
    index = grid.to_index(onto.points())
    inside = ((index >= 0) & (index <= np.array(grid.shape)[:, None, None, None] - 1)).all(axis=0)
    got = resample_field(u, grid, onto)
    assert got.shape == (3, *onto.shape)
    assert np.abs((got - expected)[:, inside]).max() < 1e-4


@pytest.mark.parametrize("name", GRIDS)
def test_jacobian_of_a_linear_map_is_its_determinant_on_any_grid(name):
    grid, matrix = GRIDS[name], some_affine(3)
    u = apply_affine(matrix, grid.points()) - grid.points()
    assert np.abs(jacobian_determinant(u, grid) - np.linalg.det(matrix[:3, :3])).max() < 1e-4


def test_jacobian_is_negative_where_space_folds():
    grid = GRIDS["RAS"]
    u = np.zeros((3, *grid.shape), np.float32)
    u[0] = -2 * grid.points()[0]
    assert np.allclose(jacobian_determinant(u, grid), -1, atol=1e-3)


def test_jacobian_equals_simpleitk_on_the_identity_direction(tmp_path):
    grid = GRIDS["LPS"]
    u = smooth_field(grid)
    write_field(tmp_path / "u.nii", u, grid)
    expected = sitk.DisplacementFieldJacobianDeterminant(sitk.ReadImage(str(tmp_path / "u.nii")))
    gap = jacobian_determinant(u, grid) - sitk.GetArrayFromImage(expected).T
    assert np.abs(gap[1:-1, 1:-1, 1:-1]).max() < 1e-4


@pytest.mark.parametrize("name", GRIDS)
def test_jacobian_equals_ants_on_any_grid(name, tmp_path):
    grid = GRIDS[name]
    u = smooth_field(grid)
    write_field(tmp_path / "u.nii.gz", u, grid)
    write_volume(tmp_path / "like.nii.gz", np.zeros(grid.shape, np.float32), grid)
    like = ants.image_read(str(tmp_path / "like.nii.gz"))
    expected = ants.create_jacobian_determinant_image(like, str(tmp_path / "u.nii.gz")).numpy()
    gap = jacobian_determinant(u, grid) - expected
    inner = gap[3:-3, 3:-3, 3:-3]
    assert np.abs(inner).max() < 0.05 * np.abs(expected - 1).max()  # ANTs' differences are of fourth order


def test_jacobian_of_a_single_slice_is_refused():
    with pytest.raises(ValueError, match="two voxels"):
        jacobian_determinant(np.zeros((3, 4, 4, 1)), Grid((4, 4, 1), np.eye(4)))


def test_integer_images_can_be_displaced_too(tmp_path):
    grid = GRIDS["LPS"]
    write_volume(tmp_path / "l.nii.gz", np.arange(np.prod(grid.shape)).reshape(grid.shape), grid)
    labels = read_volume(tmp_path / "l.nii.gz", dtype=np.int32)
    still = displace(grid.points(), np.zeros((3, *grid.shape), np.float32), grid)
    assert np.array_equal(sample_volume(labels.data, labels.grid, still, order=0), labels.data)
