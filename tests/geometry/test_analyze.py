import gzip

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from regbench.geometry.analyze import is_analyze, load_analyze, read_analyze

SPACING = (0.9, 1.5, 0.8)


@pytest.fixture
def image(tmp_path):
    """An Analyze image (5, 4, 6, 1) with a value of its own in each voxel, as header and voxels."""
    data = np.arange(120, dtype=np.int16).reshape(5, 4, 6, 1)
    analyze = nib.AnalyzeImage(data, None)
    analyze.header.set_data_dtype(np.int16)
    analyze.header.set_zooms((*SPACING, 1.0))
    analyze.to_filename(tmp_path / "a.b.img")
    return tmp_path / "a.b.img"


@pytest.mark.parametrize("orient", range(6))
@pytest.mark.parametrize("packed", [False, True])
def test_voxels_spacing_and_axes_are_those_that_itk_reads(image, orient, packed):
    header = image.with_suffix(".hdr")
    content = bytearray(header.read_bytes())
    content[252] = orient
    header.write_bytes(content)
    if packed:
        path = image.with_suffix(".img.gz")
        path.write_bytes(gzip.compress(image.read_bytes()))
        image.unlink()
    else:
        path = image
    ours, itk = read_analyze(path), sitk.ReadImage(str(path))
    np.testing.assert_array_equal(ours.data, sitk.GetArrayFromImage(itk).T)
    np.testing.assert_allclose(ours.grid.spacing, itk.GetSpacing(), rtol=1e-6)
    for index in ((0, 0, 0), (4, 3, 5), (1, 2, 3)):
        there = ours.grid.to_points(np.array(index, float)[:, None])[:, 0]
        np.testing.assert_allclose(there, itk.TransformIndexToPhysicalPoint(index), atol=1e-5)


def test_a_nifti_pair_is_told_from_analyze(image, tmp_path):
    nib.save(nib.Nifti1Pair(np.ones((4, 4, 4), np.int16), np.eye(4)), tmp_path / "pair.img")
    assert is_analyze(image)
    assert not is_analyze(tmp_path / "pair.img")


def test_voxels_cut_short_and_sizes_that_are_none_are_told_by_file(image):
    whole = image.read_bytes()
    image.write_bytes(whole[:50])
    with pytest.raises(ValueError, match=r"a\.b\.img: the voxels cannot be read, the file may be cut short"):
        read_analyze(image)
    image.write_bytes(whole)
    header = image.with_suffix(".hdr")
    content = bytearray(header.read_bytes())
    content[80:84] = np.float32(np.nan).tobytes()  # pixdim[1]
    header.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.b\.hdr: voxel size"):
        load_analyze(image)
    header.write_bytes(b"no header")
    with pytest.raises(ValueError, match=r"a\.b\.hdr: cannot be read as Analyze"):
        load_analyze(image)
