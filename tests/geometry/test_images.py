import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from regbench.geometry.grid import Grid
from regbench.geometry.images import read_volume, write_volume
from tests.geometry.oracles import GRIDS, smooth_image


def save(path, data, affine=None):
    nib.save(nib.Nifti1Image(data, np.eye(4) if affine is None else affine), path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("name", GRIDS)
def test_volume_written_by_us_reads_back_here_and_in_simpleitk(name, suffix, tmp_path):
    grid, path = GRIDS[name], tmp_path / f"v{suffix}"
    data = smooth_image(grid)
    write_volume(path, data, grid)
    back, itk = read_volume(path), sitk.ReadImage(str(path))
    assert np.array_equal(back.data, data)
    assert back.grid.same_as(grid)
    assert back.path == path
    assert np.array_equal(sitk.GetArrayFromImage(itk).T, data)
    assert np.allclose(itk.GetDirection(), grid.direction.ravel(), atol=1e-5)
    assert np.allclose(itk.GetOrigin(), grid.origin, atol=1e-3)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("given", "written"),
    [(bool, np.uint8), (np.int64, np.int32), (np.float64, np.float32), (np.int16, np.int16)],
)
def test_wide_types_are_written_narrow(given, written, tmp_path):
    grid = Grid((3, 4, 5), np.eye(4))
    write_volume(tmp_path / "v.nii", np.ones(grid.shape, given), grid)
    assert nib.load(tmp_path / "v.nii").get_data_dtype() == written


def test_sheared_grid_is_written_with_its_sform_only(tmp_path):
    affine = np.eye(4)
    affine[0, 1] = 0.3
    write_volume(tmp_path / "v.nii", np.zeros((4, 5, 6), np.float32), Grid((4, 5, 6), affine))
    assert nib.load(tmp_path / "v.nii").header["qform_code"] == 0
    assert read_volume(tmp_path / "v.nii").grid.same_as(Grid((4, 5, 6), affine))


def test_sform_is_preferred_to_qform_and_qform_to_nothing(tmp_path):
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.float32), None)
    image.set_qform(np.diag([2, 2, 2, 1]), code=1)
    image.set_sform(np.diag([3, 3, 3, 1]), code=2)
    nib.save(image, tmp_path / "both.nii")
    image.set_sform(None, code=0)
    nib.save(image, tmp_path / "qform.nii")
    assert np.allclose(read_volume(tmp_path / "both.nii").grid.spacing, 3)
    assert np.allclose(read_volume(tmp_path / "qform.nii").grid.spacing, 2)


def test_trailing_singleton_dimension_is_dropped(tmp_path):
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    assert np.array_equal(read_volume(save(tmp_path / "v.nii.gz", data[..., None])).data, data)


def test_header_scaling_is_applied(tmp_path):
    image = nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nib.save(image, tmp_path / "v.nii")
    expected = np.asarray(nib.load(tmp_path / "v.nii").get_fdata())
    assert np.allclose(read_volume(tmp_path / "v.nii").data, expected)


def test_labels_stored_as_floats_are_read_as_integers(tmp_path):
    path = save(tmp_path / "l.nii", np.full((3, 3, 3), 1004, np.float32))
    labels = read_volume(path, dtype=np.int32).data
    assert labels.dtype == np.int32
    assert (labels == 1004).all()


@pytest.mark.parametrize(
    ("data", "dtype", "message"),
    [
        (np.zeros((4, 4), np.float32), np.float32, "not one 3-D volume"),
        (np.zeros((4, 4, 4, 2), np.float32), np.float32, "not one 3-D volume"),
        (np.full((4, 4, 4), np.nan, np.float32), np.float32, "64 voxels are NaN"),
        (np.full((4, 4, 4), np.inf, np.float32), np.float32, "NaN or infinite"),
        (np.full((4, 4, 4), 0.5, np.float32), np.int32, "whole numbers"),
        (np.full((4, 4, 4), 300, np.int16), np.uint8, "do not fit"),
        (np.zeros((4, 4, 4), np.complex64), np.float32, "one real number"),
    ],
)
def test_unusable_volume_is_refused_by_name(data, dtype, message, tmp_path):
    path = save(tmp_path / "strange.nii.gz", data)
    with pytest.raises(ValueError, match=rf"strange\.nii\.gz.*{message}"):
        read_volume(path, dtype)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_file_cut_short_is_refused_by_name(suffix, tmp_path):
    data = np.random.default_rng(0).integers(0, 1000, (20, 20, 20)).astype(np.int16)
    path = save(tmp_path / f"short{suffix}", data)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(ValueError, match=r"short\.nii.*cut short"):
        read_volume(path)


def test_file_that_is_not_nifti_is_refused_by_name(tmp_path):
    (tmp_path / "text.nii.gz").write_text("not an image")
    (tmp_path / "text.txt").write_text("not an image")
    for name in ["text.nii.gz", "text.txt"]:
        with pytest.raises(ValueError, match=rf"{name}.*NIfTI"):
            read_volume(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"absent\.nii"):
        read_volume(tmp_path / "absent.nii")


def test_singular_affine_is_refused_by_name(tmp_path):
    image = nib.Nifti1Image(np.zeros((3, 3, 3), np.float32), None)
    image.header["sform_code"] = 1
    image.header["srow_x"] = image.header["srow_y"] = [1, 0, 0, 0]
    image.header["srow_z"] = [0, 0, 1, 0]
    (tmp_path / "flat.nii").write_bytes(image.to_bytes())
    with pytest.raises(ValueError, match=r"flat\.nii"):
        read_volume(tmp_path / "flat.nii")


def test_data_that_do_not_fit_the_grid_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"v\.nii"):
        write_volume(tmp_path / "v.nii", np.zeros((2, 2, 2)), Grid((3, 3, 3), np.eye(4)))
    with pytest.raises(ValueError, match=r"\.nii\.gz"):
        write_volume(tmp_path / "v.mha", np.zeros((3, 3, 3)), Grid((3, 3, 3), np.eye(4)))
    assert not list(tmp_path.iterdir())
