import nibabel as nib
import numpy as np
import pytest

from regbench.data import load_dataset
from regbench.geometry.fields import write_field
from regbench.geometry.grid import Grid
from regbench.study import DatasetSettings

HEAD = "subject,contrast,image,labels,mask,split,group\n"


@pytest.fixture
def scan(tmp_path):
    """Writes a small NIfTI of any type, shape and affine into the folder of the table."""

    def write(name, data=None, affine=None):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = np.ones((4, 5, 6), np.int16) if data is None else data
        nib.save(nib.Nifti1Image(data, np.eye(4) if affine is None else affine), path)
        return path

    return write


def manifest(tmp_path, text, name="scans.csv", **options):
    (tmp_path / name).write_text(text, encoding="utf8")
    return load_dataset(
        DatasetSettings(type="manifest", path=str(tmp_path / name), **options), tmp_path / "out"
    )


def refusal(dataset):
    with pytest.raises(ValueError, match="scans") as caught:
        dataset.subjects()
    return str(caught.value)


def test_rows_of_a_subject_are_gathered_with_names_that_hold_spaces_commas_and_accents(tmp_path, scan):
    scan("T1 größe, 1.nii.gz")
    scan("sub/t2.nii")
    scan("l.nii.gz")
    text = HEAD + 'a,T1w,"T1 größe, 1.nii.gz",l.nii.gz,,test,p1\n\na,T2w,sub/t2.nii,,,test,p1\n'
    dataset = manifest(tmp_path, "\ufeff" + text)
    (subject,) = dataset.subjects()
    assert (subject.name, subject.split, subject.group) == ("a", "test", "p1")
    assert [p.name for p in subject.sources] == ["T1 größe, 1.nii.gz", "l.nii.gz", "t2.nii"]
    assert dataset.contrasts() == ["T1w", "T2w"]
    assert dataset.has_labels
    record = dataset.make("a")
    assert record["status"] == "ok", record["message"]
    assert record["images"]["T1w"] == str(tmp_path / "T1 größe, 1.nii.gz")
    assert record["labels"] == str(tmp_path / "l.nii.gz")
    assert record["mask"] is record["to_template"] is record["from_template"] is None


def test_patterns_and_renamed_columns_read_a_table_with_one_row_a_scan(tmp_path, scan):
    for name in ("7_T1w.nii.gz", "7_seg.nii.gz"):
        scan(f"files/{name}")
    dataset = manifest(
        tmp_path,
        "scan,person,split\n7,p,val\n",
        columns={"subject": "scan", "group": "person"},
        images={"T1w": "{subject}_T1w.nii.gz"},
        labels="{scan}_seg.nii.gz",
        root=str(tmp_path / "files"),
    )
    assert [(s.name, s.group, s.split) for s in dataset.subjects()] == [("7", "p", "val")]
    assert dataset.make("7")["labels"] == str(tmp_path / "files" / "7_seg.nii.gz")


def test_missing_files_are_named_with_their_line(tmp_path, scan):
    scan("a.nii")
    message = refusal(manifest(tmp_path, HEAD + "a,T1w,a.nii,,,train,\nb,T1w,b.nii,lost.nii,,test,\n"))
    assert f"line 3: no such file: {tmp_path / 'b.nii'}" in message
    assert f"line 3: no such file: {tmp_path / 'lost.nii'}" in message


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("a,T1w,a.nii,,,train,p\nb,T1w,a.nii,,,test,p\n", "'a' (train) and 'b' (test) are both of group 'p'"),
        ("a,T1w,a.nii,,,train,\na,T2w,a.nii,,,test,\n", "line 3: subject 'a' has split 'test'"),
        (
            "a,T1w,a.nii,,,train,\na,T1w,a.nii,,,train,\n",
            "line 3: subject 'a' is listed twice with contrast 'T1w'",
        ),
        ("a,T1w,a.nii,,,train,\nb,T2w,a.nii,,,test,\n", "subject 'a' has no image of contrast T2w"),
        ("a,T1w,,,,train,\n", "line 2: subject 'a' has an empty contrast or image"),
        ("a,T1w,a.nii,train\n", "line 2: not as many cells as columns"),
        ("a__b,T1w,a.nii,,,train,\n", "double underscore"),
        ("a,T1w,a.nii,,,training,\n", "split 'training' is none of"),
        ("", "no subject"),
    ],
)
def test_unusable_tables_are_refused_saying_why(tmp_path, scan, rows, expected):
    scan("a.nii")
    assert expected in refusal(manifest(tmp_path, HEAD + rows))


def test_table_without_needed_columns_or_absent_is_refused(tmp_path):
    assert "no column contrast, image" in refusal(manifest(tmp_path, "subject,split\n"))
    dataset = manifest(tmp_path, HEAD)
    (tmp_path / "scans.csv").unlink()
    assert "no such file" in refusal(dataset)


def test_pattern_with_an_unknown_column_is_refused(tmp_path):
    dataset = manifest(tmp_path, "subject,split\na,test\n", images={"T1w": "{scan}.nii"})
    assert "line 2: a pattern names the column 'scan'" in refusal(dataset)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.ones((4, 5, 7), np.uint8), "labels and masks must lie on an image's grid"),
        (np.zeros((4, 5, 6), np.uint8), "no voxel is labelled"),
        (np.full((4, 5, 6), 0.5, np.float32), "labels must be whole numbers"),
    ],
)
def test_labels_that_do_not_fit_end_as_an_error_record(tmp_path, scan, labels, reason):
    scan("a.nii")
    scan("l.nii", labels)
    record = manifest(tmp_path, HEAD + "a,T1w,a.nii,l.nii,,test,\n").make("a")
    assert record["status"] == "error"
    assert reason in record["message"]
    assert str(tmp_path / "l.nii") in record["message"]


@pytest.mark.parametrize(
    ("inside", "status", "reason"),
    [(0.3, "ok", ""), (0.0, "error", "the mask is empty"), (-1.0, "error", "the mask is empty")],
)
def test_a_mask_is_what_is_above_0_fractions_too(tmp_path, scan, inside, status, reason):
    scan("a.nii")
    scan("m.nii", np.full((4, 5, 6), inside, np.float32))
    record = manifest(tmp_path, HEAD + "a,T1w,a.nii,,m.nii,test,\n").make("a")
    assert record["status"] == status
    assert reason in record["message"]


def test_oblique_anisotropic_4d_float_scans_are_taken_as_they_are(tmp_path, scan):
    turn = np.array([[0, -0.9, 0.1, 5], [1.2, 0, 0, -7], [0, 0.1, 3, 9], [0, 0, 0, 1.0]])
    scan("a.nii.gz", np.ones((4, 5, 6, 1), np.float32), turn)
    scan("l.nii.gz", np.ones((4, 5, 6), np.uint8), turn)
    assert manifest(tmp_path, HEAD + "a,T1w,a.nii.gz,l.nii.gz,l.nii.gz,test,\n").make("a")["status"] == "ok"


@pytest.mark.shared
def test_malf_and_its_split_are_read(shared_data, tmp_path):
    settings = DatasetSettings(
        type="manifest",
        path=str(shared_data / "malf" / "splits.csv"),
        columns={"subject": "scan", "group": "person"},
        images={"T1w": "{subject}_T1w.nii.gz"},
        labels="{subject}_labels.nii.gz",
    )
    dataset = load_dataset(settings, tmp_path)
    splits = [subject.split for subject in dataset.subjects()]
    assert [splits.count(name) for name in ("train", "val", "test")] == [12, 3, 4]
    record = dataset.make(next(s.name for s in dataset.subjects() if s.split == "test"))
    assert record["status"] == "ok", record["message"]


def field_of(path):
    u = np.zeros((3, 4, 5, 6), np.float32)
    write_field(path, u, Grid((4, 5, 6), np.eye(4)))


@pytest.mark.parametrize("form", ["rows", "patterns"])
def test_a_known_warp_of_one_image_is_the_truth_of_within_subject_pairs(tmp_path, scan, form):
    for name in ("a_T1w.nii.gz", "a_T2w.nii.gz"):
        scan(name)
    field_of(tmp_path / "a_warp.nii.gz")
    if form == "rows":
        text = "subject,contrast,image,split,truth\na,T1w,a_T1w.nii.gz,test,\na,T2w,a_T2w.nii.gz,test,a_warp.nii.gz\n"
        dataset = manifest(tmp_path, text)
    else:
        images = {"T1w": "{subject}_T1w.nii.gz", "T2w": "{subject}_T2w.nii.gz"}
        truth = {"T2w": "{subject}_warp.nii.gz"}
        dataset = manifest(tmp_path, "subject,split\na,test\n", images=images, truth=truth)
    assert dataset.knows_truth("within", fixed="T1w")
    assert not dataset.knows_truth("within", fixed="T2w")
    assert not dataset.knows_truth("between", fixed="T1w")
    assert tmp_path / "a_warp.nii.gz" in dataset.subjects()[0].sources
    record = dataset.make("a")
    assert record["status"] == "ok", record["message"]
    assert record["truth"] == {"T2w": str(tmp_path / "a_warp.nii.gz")}


def test_a_truth_that_is_no_field_ends_as_an_error_record(tmp_path, scan):
    scan("a.nii.gz")
    text = "subject,contrast,image,split,truth\na,T1w,a.nii.gz,test,a.nii.gz\n"
    record = manifest(tmp_path, text).make("a")
    assert record["status"] == "error"
    assert "not an ITK displacement field" in record["message"]


def test_truth_of_a_contrast_without_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match="FLAIR"):
        manifest(tmp_path, "subject,split\n", images={"T1w": "x"}, truth={"FLAIR": "y"})


MARKS = "# coordinates: RAS\nname,x,y,z\nac,1,2,3\npc,2,4,0\n"


@pytest.mark.parametrize("form", ["rows", "patterns"])
def test_landmarks_belong_to_an_image_of_a_subject(tmp_path, scan, form):
    for contrast in ("T1w", "T2w"):
        scan(f"a_{contrast}.nii.gz")
    (tmp_path / "a_marks.csv").write_text(MARKS)
    if form == "rows":
        text = "subject,contrast,image,split,landmarks\na,T1w,a_T1w.nii.gz,test,a_marks.csv\na,T2w,a_T2w.nii.gz,test,\n"
        dataset = manifest(tmp_path, text)
    else:
        images = {"T1w": "{subject}_T1w.nii.gz", "T2w": "{subject}_T2w.nii.gz"}
        dataset = manifest(
            tmp_path, "subject,split\na,test\n", images=images, landmarks={"T1w": "{subject}_marks.csv"}
        )
    assert tmp_path / "a_marks.csv" in dataset.subjects()[0].sources
    record = dataset.make("a")
    assert record["status"] == "ok", record["message"]
    assert record["landmarks"] == {"T1w": str(tmp_path / "a_marks.csv")}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MARKS + "pc 2,2,9,0\n", "pc 2 (-2.0, -9.0, 0.0)"),
        (
            MARKS.replace("RAS", "LPS"),
            "that the file states? (LPS mm): ac (1.0, 2.0, 3.0); pc (2.0, 4.0, 0.0)",
        ),
        (MARKS.replace("# coordinates: RAS\n", ""), "coordinates stated as nothing"),
        (MARKS.replace("RAS", "voxel") + "far,3.6,0,0\n", "far (-3.6, 0.0, 0.0)"),
        (MARKS + "bad,1,x,2\n", "line 5: y is 'x'"),
    ],
)
def test_landmarks_that_do_not_fit_end_as_an_error_record(tmp_path, scan, text, reason):
    scan("a.nii")
    (tmp_path / "marks.csv").write_text(text)
    record = manifest(tmp_path, "subject,contrast,image,split,landmarks\na,T1w,a.nii,test,marks.csv\n").make(
        "a"
    )
    assert record["status"] == "error"
    assert reason in record["message"]
    assert str(tmp_path / "marks.csv") in record["message"]


def test_landmarks_of_a_contrast_without_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`landmarks` names FLAIR"):
        manifest(tmp_path, "subject,split\n", images={"T1w": "x"}, landmarks={"FLAIR": "y"})


def test_a_missing_landmark_file_is_named_with_its_line(tmp_path, scan):
    scan("a.nii")
    dataset = manifest(tmp_path, "subject,contrast,image,split,landmarks\na,T1w,a.nii,test,lost.fcsv\n")
    assert f"line 2: no such file: {tmp_path / 'lost.fcsv'}" in refusal(dataset)
