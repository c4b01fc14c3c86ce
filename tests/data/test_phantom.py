"""The population as a user gets it: from its files, with SimpleITK as the oracle of the maps."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from regbench.data import load_dataset
from regbench.study import DatasetSettings

COARSE = {"type": "phantom", "spacing": 4.0, "field_spacing": 4.0}  # as in conftest.py
NAMES = ("train01", "test01", "test02")


def voxels(path):
    return np.asanyarray(nib.load(path).dataobj)


def brain_points(record, step=37):
    """(N, 3) LPS mm of every 37th voxel of the mask."""
    mask = nib.load(record["mask"])
    index = np.argwhere(voxels(record["mask"]) > 0)[::step]
    return nib.affines.apply_affine(mask.affine, index) * [-1, -1, 1]


def itk_map(path):
    field = sitk.Cast(sitk.ReadImage(path), sitk.sitkVectorFloat64)
    return sitk.DisplacementFieldTransform(field)


def moved(path, points):
    transform = itk_map(path)
    return np.array([transform.TransformPoint(point) for point in points.tolist()])


def labels_at(record, points):
    """Nearest label of the subject at (N, 3) LPS mm, 0 outside."""
    image = nib.load(record["labels"])
    index = np.rint(nib.affines.apply_affine(np.linalg.inv(image.affine), points * [-1, -1, 1])).astype(int)
    inside = ((index >= 0) & (index < image.shape)).all(axis=1)
    out = np.zeros(len(points), int)
    out[inside] = voxels(record["labels"])[tuple(index[inside].T)]
    return out


def mean_dice(a, b):
    numbers = np.setdiff1d(np.union1d(a, b), [0])
    return np.mean([2 * ((a == n) & (b == n)).sum() / ((a == n).sum() + (b == n).sum()) for n in numbers])


@pytest.mark.parametrize("name", NAMES)
def test_images_are_stripped_int16_and_labels_are_the_56_regions(phantom, name):
    record = phantom[name]
    mask = voxels(record["mask"]) > 0
    for contrast in ("T1w", "T2w"):
        image = voxels(record["images"][contrast])
        assert image.dtype == np.int16
        np.testing.assert_array_equal(image > 0, mask)
    labels = voxels(record["labels"])
    assert np.array_equal(np.unique(labels), np.arange(57))
    assert not labels[~mask].any()


@pytest.mark.parametrize("name", NAMES)
def test_contrasts_have_their_order_of_tissues(phantom, name):
    record = phantom[name]
    t1, t2 = (voxels(record["images"][contrast]).astype(float) for contrast in ("T1w", "T2w"))
    inside = voxels(record["mask"]) > 0
    assert np.corrcoef(t1[inside], t2[inside])[0, 1] < -0.5


def test_a_subject_is_the_same_whatever_the_number_of_subjects(phantom, tmp_path):
    settings = DatasetSettings(**COARSE, subjects={"train": 0, "val": 0, "test": 1})
    again = load_dataset(settings, tmp_path).make("test01")
    for name in ("labels", "mask", "to_template", "from_template"):
        np.testing.assert_array_equal(voxels(again[name]), voxels(phantom["test01"][name]))
    for contrast, path in again["images"].items():
        np.testing.assert_array_equal(voxels(path), voxels(phantom["test01"]["images"][contrast]))


def test_subjects_differ_in_warp_pose_and_scan(phantom):
    first, second = phantom["test01"], phantom["test02"]
    assert not np.allclose(first["report"]["pose"], second["report"]["pose"], atol=0.01)
    assert first["report"]["levels"] != second["report"]["levels"]
    assert not np.allclose(nib.load(first["labels"]).affine, nib.load(second["labels"]).affine)


@pytest.mark.parametrize("held_out", ["bspline", "velocity", "radial"])
def test_held_out_family_warps_all_test_subjects_and_no_other(held_out, tmp_path):
    settings = DatasetSettings(
        type="phantom", held_out=held_out, subjects={"train": 20, "val": 10, "test": 10}
    )
    dataset = load_dataset(settings, tmp_path)
    used = {"train": set(), "val": set(), "test": set()}
    for subject in dataset.subjects():
        used[subject.split] |= set(dataset.families(subject))
    assert used["test"] == {held_out}
    assert used["train"] == used["val"] == {"bspline", "velocity", "radial"} - {held_out}


@pytest.mark.parametrize("name", NAMES)
def test_maps_undo_each_other_in_the_brain(phantom, name):
    points = brain_points(phantom[name])
    there = moved(phantom[name]["to_template"], points)
    miss = np.linalg.norm(moved(phantom[name]["from_template"], there) - points, axis=1)
    assert miss.mean() < 0.1
    assert miss.max() < 0.5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", ["to_template", "from_template"])
def test_neither_map_folds(phantom, name, which):
    # SimpleITK's filter is right here: the fields' grids lie along the LPS axes.
    field = sitk.ReadImage(phantom[name][which])
    assert np.allclose(field.GetDirection(), np.eye(3).ravel())
    jacobian = sitk.DisplacementFieldJacobianDeterminant(sitk.Cast(field, sitk.sitkVectorFloat64))
    points = brain_points(phantom[name])
    if which == "from_template":
        points = moved(phantom[name]["to_template"], points)
    inside = [jacobian[jacobian.TransformPhysicalPointToIndex(point)] for point in points.tolist()]
    assert min(inside) > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_amplitude_is_that_of_real_heads_after_affine_alignment(phantom, name):
    points = brain_points(phantom[name])
    there = moved(phantom[name]["to_template"], points)
    design = np.column_stack([points, np.ones(len(points))])
    length = np.linalg.norm(there - design @ np.linalg.lstsq(design, there, rcond=None)[0], axis=1)
    assert 2.5 < length.mean() < 4.5
    assert 6 < length.max() < 13


@pytest.mark.parametrize(("fixed", "moving"), [("test01", "test02"), ("train01", "test01")])
def test_true_map_carries_labels_and_the_best_affine_does_not(phantom, fixed, moving):
    points = brain_points(phantom[fixed], step=2)
    truth = moved(phantom[moving]["from_template"], moved(phantom[fixed]["to_template"], points))
    design = np.column_stack([points, np.ones(len(points))])
    affine = design @ np.linalg.lstsq(design, truth, rcond=None)[0]
    own = labels_at(phantom[fixed], points)
    true_dice = mean_dice(own, labels_at(phantom[moving], truth))
    affine_dice = mean_dice(own, labels_at(phantom[moving], affine))
    assert true_dice > 0.7  # at 4 mm a label is a voxel or two thick; at 2 mm it is 0.84
    assert true_dice - affine_dice > 0.15


def test_missing_template_file_is_named_before_anything_runs(tmp_path):
    template = {"t1": str(tmp_path / "no.nii"), "labels": str(tmp_path / "none.nii")}
    with pytest.raises(ValueError, match=r"do not exist: .*no\.nii, .*none\.nii"):
        load_dataset(DatasetSettings(type="phantom", template=template), tmp_path).subjects()


@pytest.mark.shared
def test_sri24_as_template_keeps_its_labels_and_its_real_t2(shared_data, tmp_path):
    sri24 = shared_data / "sri24"
    files = {"t1": "spgr", "t2": "late", "tissues": "tissues", "labels": "lpba40"}
    template = {key: str(sri24 / f"{name}.nii.gz") for key, name in files.items()}
    dataset = load_dataset(DatasetSettings(**COARSE, template=template), tmp_path)
    assert dataset.subjects()[0].sources == [
        sri24 / f"{files[key]}.nii.gz" for key in ("t1", "labels", "t2", "tissues")
    ]
    record = dataset.make("test01")
    assert record["status"] == "ok", record["message"]
    labels = voxels(record["labels"])
    assert np.array_equal(np.unique(labels), np.unique(voxels(template["labels"])))
    points = brain_points(record)
    there = moved(record["to_template"], points)
    index = np.rint(there * [-1, -1, 1] @ np.linalg.inv(nib.load(template["t2"]).affine)[:3, :3].T).astype(
        int
    )
    real = voxels(template["t2"])[..., 0][tuple(index.T)]
    scanned = voxels(record["images"]["T2w"])[voxels(record["mask"]) > 0][::37]
    assert np.corrcoef(real, scanned)[0, 1] > 0.6
