import pytest

from regbench.data import load_dataset
from regbench.study import DatasetSettings
from tests.data.archives import oasis3_session, volume

BOTH = {"run-01_T1w": "anat2", "acq-TSE_T2w": "anat1"}


def dataset(root, **options):
    return load_dataset(DatasetSettings(type="oasis3", path=str(root), **options), root.parent / "out")


def refusal(data):
    with pytest.raises(ValueError, match="not usable as a dataset") as caught:
        data.subjects()
    return str(caught.value)


@pytest.mark.parametrize("layout", ["script", "NIFTI", "zip", "bids"])
def test_both_contrasts_of_a_session_are_found_in_every_layout(tmp_path, layout):
    root = tmp_path / "oasis3"
    oasis3_session(root, "OAS30001", "d0129", BOTH, layout)
    data = dataset(root, subjects={"test": 1})
    (subject,) = data.subjects()
    assert (subject.name, subject.group, subject.split) == ("OAS30001_d0129", "OAS30001", "test")
    assert (data.contrasts(), data.has_labels) == (["T1w", "T2w"], False)
    record = data.make("OAS30001_d0129")
    assert record["status"] == "ok", record["message"]
    assert record["images"]["T1w"].endswith("/sub-OAS30001_ses-d0129_run-01_T1w.nii.gz")
    assert record["images"]["T2w"].endswith("/sub-OAS30001_ses-d0129_acq-TSE_T2w.nii.gz")


def test_names_as_older_downloads_and_converters_have_them_are_read(tmp_path):
    root = tmp_path / "oasis3"
    session = root / "OAS30852_MR_d3014"
    volume(session / "anat2" / "sub-OAS30852_sess-d3014_acq-TSE_run-02_T2w.nii.gz")
    volume(session / "anat4" / "sub-OAS30852_sess-d3014_T1w.nii")
    volume(root / "OAS30001_MR_d2430" / "sub-OAS30001_ses-d2430_T1w.nii.gz")  # no folder for each scan
    volume(root / "OAS30001_MR_d2430" / "sub-OAS30001_ses-d2430_acq-TSE_T2w.nii.gz")
    volume(root / "OAS30015_MR_d0116" / "anat1" / "sub-OAS30015_T1w.nii.gz")  # the session is its folder's
    volume(root / "OAS30015_MR_d0116" / "anat3" / "sub-OAS30015_acq-TSE_T2w.nii.gz")
    volume(root / "sub-OAS30016" / "ses-M012" / "anat" / "sub-OAS30016_ses-M012_T1w.nii.gz")
    volume(root / "sub-OAS30016" / "ses-M012" / "anat" / "sub-OAS30016_ses-M012_T2w.nii.gz")
    names = [s.name for s in dataset(root, subjects={"test": 4}).subjects()]
    assert names == ["OAS30001_d2430", "OAS30015_d0116", "OAS30016_M012", "OAS30852_d3014"]


def test_of_several_scans_the_one_without_acquisition_then_the_lowest_run_is_taken(tmp_path):
    root = tmp_path / "oasis3"
    scans = {"run-02_T1w": "anat2", "run-01_T1w": "anat10", "acq-TSE_T2w": "anat1", "T2w": "anat5"}
    oasis3_session(root, "OAS30001", "d0129", scans, "script")
    (subject,) = dataset(root, subjects={"test": 1}).subjects()
    names = [path.name for path in subject.sources]
    assert names == ["sub-OAS30001_ses-d0129_run-01_T1w.nii.gz", "sub-OAS30001_ses-d0129_T2w.nii.gz"]


def test_a_person_is_drawn_with_the_first_complete_session_or_with_each_on_one_side(tmp_path, caplog):
    root = tmp_path / "oasis3"
    for person in ("OAS30001", "OAS30002", "OAS30003", "OAS30004"):
        oasis3_session(root, person, "d0010", {"T1w": "anat1"}, "script")
        oasis3_session(root, person, "d0900", BOTH, "script")
        oasis3_session(root, person, "d1800", BOTH, "script")
    with caplog.at_level("INFO"):
        first = dataset(root).subjects()
    assert [s.name.partition("_")[2] for s in first] == ["d0900"] * 3
    assert "4 of 12 sessions left out (as OAS30001_d0010 has no T2w)" in caplog.text
    each = dataset(root, sessions="each", subjects={"train": 1, "test": 3}).subjects()
    assert len(each) == 8
    assert {s.group for s in each if s.split == "test"} == {s.group for s in first}
    for person in {s.group for s in each}:
        assert len({s.split for s in each if s.group == person}) == 1
    assert {s.group for s in dataset(root, seed=4).subjects()} != {s.group for s in first}


def test_folders_that_are_not_oasis3_are_answered_with_what_was_found_and_how_to_get_it(tmp_path):
    told = refusal(dataset(tmp_path / "nowhere"))
    assert "nowhere: no such folder; ask for access on https://www.oasis-brains.org" in told
    root = tmp_path / "oasis3"
    root.mkdir()
    assert "found nothing; ask for access" in refusal(dataset(root))
    volume(root / "OAS30001_Freesurfer53_d0129" / "T1.nii.gz")
    told = refusal(dataset(root))
    assert "no scan such as OAS30001_MR_d0129/anat2/sub-OAS30001_ses-d0129_run-01_T1w.nii.gz" in told
    assert "found OAS30001_Freesurfer53_d0129" in told
    oasis3_session(root, "OAS30001", "d0129", {"T1w": "anat2"}, "script")
    told = refusal(dataset(root))
    assert "1 sessions, none with both a T1w and a T2w scan (as OAS30001_d0129 has no T2w)" in told
    oasis3_session(root, "OAS30002", "d0129", BOTH, "script")
    assert "1 people with all files, `subjects` asks for 3" in refusal(dataset(root))
