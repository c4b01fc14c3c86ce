import json

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from regbench.geometry.grid import Grid, apply_affine
from regbench.geometry.images import read_volume
from regbench.geometry.sampling import sample_volume
from regbench.prepared.reference import prepare_reference
from regbench.prepared.subject import prepare_subject
from tests.prepared.phantoms import task_with, transform_of, write_head


def labels_through(side, order=0, displacement=0.0):
    """Original labels sampled once through a side's record, on its prepared grid, displaced by (3, D, H, W) mm."""
    labels = read_volume(side["labels"], dtype=np.int32)
    points = read_volume(side["image"]).grid.points() + displacement
    return sample_volume(labels.data, labels.grid, apply_affine(np.array(side["to_original"]), points), order)


def test_subject_lies_on_its_own_grid_without_a_reference(tmp_path):
    data = write_head(tmp_path, "a", transform_of((10, 0, 0), shift=(30, -20, 10)), flips=(-1, 1, 1))
    task = task_with()
    record = prepare_subject(data, task, None, tmp_path / "out" / "a.json")
    side = record["sides"]["T1w"]
    image = read_volume(side["image"])
    assert record == json.loads((tmp_path / "out" / "a.json").read_text())
    assert record["status"] == "ok"
    assert image.data.shape == task.grid.shape
    assert np.allclose(image.grid.affine[:3, :3], np.diag(task.grid.spacing))
    middle = image.grid.to_points((np.array(image.data.shape) - 1) / 2)
    assert np.linalg.norm(middle - [30, -20, 10]) < 6
    assert side["to_original"] == np.eye(4).tolist()


def test_prepared_image_is_the_original_normalised_and_sampled_once(tmp_path):
    data = write_head(tmp_path, "a", angles=(15, -20, 30), spacing=(1.5, 2, 4))
    side = prepare_subject(data, task_with(), None, tmp_path / "out" / "a.json")["sides"]["T1w"]
    onto = sitk.ReadImage(side["image"])
    native = sitk.ReadImage(side["original"], sitk.sitkFloat32)
    value = sitk.GetArrayFromImage(sitk.Resample(native, onto, sitk.Transform(), sitk.sitkLinear))
    low, high = side["normalisation"]["low"], side["normalisation"]["high"]
    expected = np.clip((value - low) / (high - low), 0, 1)
    mask = sitk.GetArrayFromImage(sitk.ReadImage(side["mask"])) > 0
    got = sitk.GetArrayFromImage(onto)
    assert np.abs(got - expected)[mask].max() < 1e-3
    assert not got[~mask].any()
    assert got.min() == 0
    assert got.max() == 1


def test_subjects_meet_on_the_references_grid(tmp_path):
    task = task_with("reference", moving="T2w")
    truth = transform_of((25, -15, 30), (1.05, 0.97, 1), (50, 20, -30))
    reference = prepare_reference(write_head(tmp_path, "r"), task, tmp_path / "out" / "reference.json")
    subjects = [write_head(tmp_path, "r"), write_head(tmp_path, "s", truth, angles=(5, 10, -20))]
    records = [
        prepare_subject(s, task, reference, tmp_path / "out" / f"{s['subject']}.json") for s in subjects
    ]
    grid = Grid(reference["grid"]["shape"], np.array(reference["grid"]["affine"]))
    for record in records:
        for side in record["sides"].values():
            assert read_volume(side["image"]).grid.same_as(grid)
    assert records[0]["sides"]["T1w"]["to_original"] == np.eye(4).tolist()
    ours, theirs = (labels_through(record["sides"]["T2w"]) for record in records)
    assert 2 * ((ours == theirs) & (ours > 0)).sum() / ((ours > 0).sum() + (theirs > 0).sum()) > 0.9


def test_labels_sampled_through_the_record_equal_simpleitk(tmp_path):
    task = task_with("reference")
    reference = prepare_reference(write_head(tmp_path, "r"), task, tmp_path / "out" / "reference.json")
    data = write_head(
        tmp_path, "s", transform_of((20, 5, -10), shift=(3, 4, 5)), flips=(-1, -1, 1), angles=(8, 5, 3)
    )
    side = prepare_subject(data, task, reference, tmp_path / "out" / "s.json")["sides"]["T1w"]
    matrix = np.array(side["to_original"])
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    labels, onto = sitk.ReadImage(side["labels"]), sitk.ReadImage(side["image"])
    expected = sitk.Resample(labels, onto, transform, sitk.sitkNearestNeighbor, 0)
    assert (labels_through(side) != sitk.GetArrayFromImage(expected).T).mean() < 1e-4


def test_n4_copy_is_the_original_of_the_record(tmp_path):
    data = write_head(tmp_path, "a")
    side = prepare_subject(data, task_with(n4=True), None, tmp_path / "out" / "a.json")["sides"]["T1w"]
    assert side["original"] == str(tmp_path / "out" / "a_T1w_n4.nii.gz")
    assert read_volume(side["original"]).grid.same_as(read_volume(data["images"]["T1w"]).grid)


def broken(tmp_path, how):
    data = write_head(tmp_path, "bad")
    if how == "cut short":
        path = tmp_path / "bad_T1w.nii.gz"
        path.write_bytes(path.read_bytes()[:3000])
    elif how == "no image":
        data["images"] = {"FLAIR": "f.nii.gz"}
    elif how == "constant":
        image = nib.load(data["images"]["T1w"])
        nib.save(nib.Nifti1Image(np.full(image.shape, 7, np.float32), image.affine), data["images"]["T1w"])
    else:
        image = nib.load(data["labels"])
        nib.save(nib.Nifti1Image(np.full(image.shape, 0.5, np.float32), image.affine), data["labels"])
    return data


@pytest.mark.parametrize("how", ["cut short", "no image", "constant", "fractional labels"])
def test_subject_that_cannot_be_prepared_ends_as_a_record(how, tmp_path):
    record = prepare_subject(broken(tmp_path, how), task_with(), None, tmp_path / "out" / "bad.json")
    assert record["status"] == "error"
    assert "bad" in record["message"] or how == "constant"
    assert record["log_tail"]
    assert record["sides"] == {}
    assert json.loads((tmp_path / "out" / "bad.json").read_text()) == record


def test_failed_reference_and_failed_data_skip_what_follows(tmp_path):
    task = task_with("reference")
    reference = prepare_reference(broken(tmp_path, "cut short"), task, tmp_path / "out" / "reference.json")
    assert reference["status"] == "error"
    after = prepare_subject(write_head(tmp_path, "s"), task, reference, tmp_path / "out" / "s.json")
    assert (after["status"], after["message"].split(":")[:2]) == ("skipped", ["upstream", " bad"])
    failed = write_head(tmp_path, "t") | {"status": "error", "message": "no such file"}
    assert prepare_reference(failed, task, tmp_path / "out" / "reference.json")["status"] == "skipped"
    assert prepare_subject(failed, task_with(), None, tmp_path / "out" / "t.json")["status"] == "skipped"


def test_interruption_is_not_taken_for_a_failure(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("regbench.prepared.subject.read_scan", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare_subject(write_head(tmp_path, "a"), task_with(), None, tmp_path / "out" / "a.json")
