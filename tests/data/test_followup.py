import numpy as np
import pytest
import SimpleITK as sitk

from regbench.check.together import problems_together
from regbench.data import load_dataset
from regbench.geometry.grid import Grid
from regbench.geometry.images import read_volume, write_volume
from regbench.geometry.sampling import sample_volume
from regbench.study import DatasetSettings
from tests.data.archives import volume

HEAD = "subject,visit,image,labels,mask,transforms\n"
COMMON = Grid((30, 28, 20), np.array([[-1.0, 0, 0, 15], [0, 1.0, 0, -14], [0, 0, 1.5, -15], [0, 0, 0, 1]]))
NATIVE = Grid(
    (40, 36, 24), np.array([[0.8, 0.1, 0, -16], [-0.1, 0.8, 0, -14], [0, 0, 1.2, -14], [0, 0, 0, 1]])
)


def followup(tmp_path, text, **options):
    (tmp_path / "visits.csv").write_text(text, encoding="utf8")
    settings = DatasetSettings(type="followup", path=str(tmp_path / "visits.csv"), **options)
    return load_dataset(settings, tmp_path / "out")


def refusal(dataset):
    with pytest.raises(ValueError, match="visits") as caught:
        dataset.subjects()
    return str(caught.value)


def rigid(path, angle, shift) -> sitk.Transform:
    """A rotation about z as registration tools write it; returns it too."""
    transform = sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.0, 0.0, angle, shift)
    sitk.WriteTransform(transform, str(path))
    return transform


def test_visits_are_subjects_of_one_person_in_the_order_of_the_table(tmp_path):
    for name in ("a", "b", "c", "b_lesion"):
        volume(tmp_path / f"{name}.nii.gz")
    text = HEAD + "p1,week6,b.nii.gz,b_lesion.nii.gz,,\np1,week0,a.nii.gz,,,\np2,week0,c.nii.gz,,,\n"
    dataset = followup(tmp_path, text)
    assert [(s.name, s.group, s.split) for s in dataset.subjects()] == [
        ("p1_week6", "p1", "test"),
        ("p1_week0", "p1", "test"),
        ("p2_week0", "p2", "test"),
    ]
    assert dataset.contrasts() == ["T1w"]
    record = dataset.make("p1_week6")
    assert record["labels"] == str(tmp_path / "b_lesion.nii.gz")
    assert dataset.make("p1_week0")["labels"] is None


def test_a_split_and_contrasts_may_be_given_and_a_person_stays_on_one_side(tmp_path):
    for name in "abcd":
        volume(tmp_path / f"{name}.nii.gz")
    head = "subject,visit,contrast,image,split\n"
    text = (
        head
        + "p1,pre,T1w,a.nii.gz,train\np1,pre,T2w,b.nii.gz,train\np1,post,T1w,c.nii.gz,train\np1,post,T2w,d.nii.gz,"
    )
    dataset = followup(tmp_path, text + "train\n")
    assert dataset.contrasts() == ["T1w", "T2w"]
    assert {s.split for s in dataset.subjects()} == {"train"}
    (tmp_path / "visits.csv").write_text(head + "p1,pre,T1w,a.nii.gz,train\np1,post,T1w,b.nii.gz,test\n")
    assert "the split leaks" in refusal(followup(tmp_path, (tmp_path / "visits.csv").read_text()))


def test_people_of_one_group_stay_themselves_and_all_of_it_on_one_side(tmp_path):
    for name in "abcd":
        volume(tmp_path / f"{name}.nii.gz")
    head = "subject,visit,image,split,group\n"
    rows = "p1,pre,a.nii.gz,test,site1\np2,pre,b.nii.gz,test,site1\n"
    subjects = followup(tmp_path, head + rows).subjects()
    assert [(s.person, s.group) for s in subjects] == [("p1", "site1"), ("p2", "site1")]
    leak = "p1,post,c.nii.gz,train,site2\n"  # another site, the same person
    assert "'p1_pre' (test) and 'p1_post' (train) are both of person 'p1'" in refusal(
        followup(tmp_path, head + rows + leak)
    )


@pytest.fixture
def elsewhere(tmp_path):
    """A visit whose labels and mask lie in a common space that two transforms lead from; both transforms."""
    rng = np.random.default_rng(0)
    labels = np.zeros(COMMON.shape, np.uint8)
    labels[8:20, 9:18, 6:13] = rng.integers(0, 3, (12, 9, 7))
    write_volume(tmp_path / "labels.nii.gz", labels, COMMON)
    write_volume(tmp_path / "mask.nii.gz", (labels > 0).astype(np.uint8), COMMON)
    write_volume(tmp_path / "image.nii.gz", rng.random(NATIVE.shape).astype(np.float32), NATIVE)
    return [
        rigid(tmp_path / "one.tfm", 0.3, (1.0, -2.0, 0.5)),
        rigid(tmp_path / "two.tfm", -0.1, (0.5, 0.5, -1.0)),
    ]


ROW = HEAD + "p1,pre,image.nii.gz,labels.nii.gz,mask.nii.gz,one.tfm; two.tfm\n"


def test_labels_in_another_space_come_to_the_image_as_simpleitk_resamples_them(tmp_path, elsewhere):
    dataset = followup(tmp_path, ROW)
    (subject,) = dataset.subjects()
    assert {path.name for path in subject.sources} == {
        "image.nii.gz",
        "labels.nii.gz",
        "mask.nii.gz",
        "one.tfm",
        "two.tfm",
    }
    record = dataset.make("p1_pre")
    assert record["status"] == "ok", record["message"]
    moved = read_volume(record["labels"], np.int32)
    assert np.array_equal(
        moved.data, read_volume(tmp_path / "labels.nii.gz", np.int32).data
    )  # no voxel is changed
    # SimpleITK resamples from the common space onto the image: it asks where a native point lies there, the inverse.
    first, second = elsewhere
    to_common = sitk.CompositeTransform([first.GetInverse(), second.GetInverse()])
    oracle = sitk.Resample(
        sitk.ReadImage(str(tmp_path / "labels.nii.gz")), sitk.ReadImage(str(tmp_path / "image.nii.gz")), to_common,
        sitk.sitkNearestNeighbor,
    )  # fmt: skip
    ours = sample_volume(moved.data, moved.grid, NATIVE.points(), order=0)
    assert (ours > 0).sum() > 500
    assert (
        ours != sitk.GetArrayFromImage(oracle).T
    ).mean() < 1e-3  # a point between two voxels may go either way


def test_labels_in_another_space_are_not_asked_to_lie_on_the_image_s_grid(tmp_path, elsewhere):
    from regbench.check.scan import examine

    dataset = followup(tmp_path, ROW)
    found = {file: examine(file, 4.0) for file in dataset.files()}
    assert not problems_together("visits", found, [])
    (tmp_path / "visits.csv").write_text(ROW.replace("one.tfm; two.tfm", ""))
    dataset = followup(tmp_path, ROW.replace("one.tfm; two.tfm", ""))
    problems = problems_together("visits", {file: examine(file, 4.0) for file in dataset.files()}, [])
    assert len(problems) == 2
    assert "expected one grid" in problems[0].todo
    assert "must lie on an image's grid" in dataset.make("p1_pre")["message"]


TWO = "subject,visit,contrast,image,labels,transforms\np1,pre,T1w,image.nii.gz,{},one.tfm\np1,pre,FLAIR,other.nii.gz,{},two.tfm\n"


@pytest.mark.parametrize(("labels", "transform"), [(("labels.nii.gz", ""), 0), (("", "labels.nii.gz"), 1)])
def test_labels_are_moved_by_the_transforms_of_their_own_row(tmp_path, elsewhere, labels, transform):
    volume(
        tmp_path / "other.nii.gz", np.ones(NATIVE.shape, np.int16), np.diag([-1, -1, 1, 1]) @ NATIVE.affine
    )
    record = followup(tmp_path, TWO.format(*labels)).make("p1_pre")
    assert record["status"] == "ok", record["message"]
    before, after = (
        read_volume(path, np.int32).grid.to_points(np.zeros(3))
        for path in (tmp_path / "labels.nii.gz", record["labels"])
    )
    np.testing.assert_allclose(after, elsewhere[transform].TransformPoint(before.tolist()), atol=1e-4)


def test_labels_in_two_rows_of_different_transforms_are_refused(tmp_path, elsewhere):
    volume(tmp_path / "other.nii.gz")
    told = refusal(followup(tmp_path, TWO.format("labels.nii.gz", "labels.nii.gz")))
    assert "line 3: visit 'p1_pre' has its labels named in rows of different `transforms`" in told


def test_transforms_that_deform_or_lead_astray_or_are_not_there_are_told(tmp_path, elsewhere):
    bending = sitk.BSplineTransformInitializer(sitk.ReadImage(str(tmp_path / "image.nii.gz")), [3, 3, 3])
    bending.SetParameters(np.random.default_rng(1).uniform(-5, 5, len(bending.GetParameters())).tolist())
    sitk.WriteTransform(bending, str(tmp_path / "bending.tfm"))
    record = followup(tmp_path, ROW.replace("two.tfm", "bending.tfm")).make("p1_pre")
    assert "expected affine transforms, these deform" in record["message"]
    rigid(tmp_path / "far.tfm", 0.0, (200.0, 0.0, 0.0))
    record = followup(tmp_path, ROW.replace("two.tfm", "far.tfm")).make("p1_pre")
    assert "100 % of it lies outside" in record["message"]
    assert "line 2: no such file" in refusal(followup(tmp_path, ROW.replace("two.tfm", "none.tfm")))


def test_a_table_without_visits_or_with_one_twice_is_answered_with_what_a_row_is(tmp_path):
    volume(tmp_path / "a.nii.gz")
    told = refusal(followup(tmp_path, "subject,image\np1,a.nii.gz\n"))
    assert "no column visit (found subject, image); a row is a visit of a subject" in told
    told = refusal(followup(tmp_path, "subject,visit,image\np1,pre,a.nii.gz\np1,pre,a.nii.gz\n"))
    assert "'p1_pre' is listed twice with contrast 'T1w'" in told


@pytest.mark.shared
def test_the_lesion_mask_of_real_visits_lies_on_both_through_the_transforms_that_come_with_them(
    shared_data, tmp_path
):
    root = shared_data / "open_ms_followup"
    rows = [
        f"p1,{name},study{n}_T1W.nii.gz,coregistered_gt.nii.gz,coregistered_brainmask.nii.gz,"
        f"study{n}_FLAIR_to_common_space.txt; study{n}_T1W_intrastudy_to_FLAIR.txt"
        for n, name in ((1, "pre"), (2, "post"))
    ]
    dataset = followup(tmp_path, HEAD + "\n".join(rows), root=str(root))
    for name in ("p1_pre", "p1_post"):
        record = dataset.make(name)
        assert record["status"] == "ok", record["message"]
        image, mask = read_volume(record["images"]["T1w"]), read_volume(record["mask"], np.uint8)
        inside = sample_volume(mask.data, mask.grid, image.grid.points(), order=0) > 0
        # The brain is bright and the air around the head is not: a mask that lay elsewhere would hold air.
        assert np.percentile(image.data[inside], 2) > 0.1 * np.percentile(image.data[inside], 50)
