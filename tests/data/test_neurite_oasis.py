import subprocess
import sys

import numpy as np
import pytest

from regbench.data import load_dataset
from regbench.study import DatasetSettings
from tests.data.archives import neurite_oasis, volume


def dataset(root, **options):
    settings = DatasetSettings(type="neurite_oasis", path=str(root), **options)
    return load_dataset(settings, root.parent / "out")


def refusal(data):
    with pytest.raises(ValueError, match="not usable as a dataset") as caught:
        data.subjects()
    return str(caught.value)


def test_the_archive_is_read_by_its_own_names_in_either_space(tmp_path):
    root = neurite_oasis(tmp_path / "set", [1, 2, 450])
    data = dataset(root, subjects={"train": 1, "test": 2})
    subjects = data.subjects()
    assert [s.name for s in subjects] == ["OAS1_0001_MR1", "OAS1_0002_MR1", "OAS1_0450_MR1"]
    assert [s.group for s in subjects] == ["OAS1_0001", "OAS1_0002", "OAS1_0450"]
    assert sorted(s.split for s in subjects) == ["test", "test", "train"]
    assert (data.contrasts(), data.has_labels) == (["T1w"], True)
    record = data.make("OAS1_0450_MR1")
    assert record["status"] == "ok", record["message"]
    folder = root / "OASIS_OAS1_0450_MR1"
    assert record["images"] == {"T1w": str(folder / "norm.nii.gz")}
    assert record["labels"] == str(folder / "seg35.nii.gz")
    (subject,) = dataset(root, space="aligned", labels=4, subjects={"test": 1}).subjects()
    assert [p.name for p in subject.sources] == ["aligned_norm.nii.gz", "aligned_seg4.nii.gz"]


def test_as_many_people_as_the_paper_has_are_drawn_by_default_the_same_ones_with_part_of_the_archive(
    tmp_path,
):
    root = neurite_oasis(tmp_path / "set", range(1, 61), space=("",))
    subjects = dataset(root).subjects()
    splits = [s.split for s in subjects]
    assert [splits.count(name) for name in ("train", "val", "test")] == [32, 4, 8]
    used = {s.name for s in subjects}
    for number in range(1, 61):
        if f"OAS1_{number:04d}_MR1" not in used:
            (root / f"OASIS_OAS1_{number:04d}_MR1").rename(tmp_path / str(number))
    assert dataset(root).subjects() == subjects


def test_test_people_stay_when_others_are_added_and_change_with_the_seed(tmp_path):
    root = neurite_oasis(tmp_path / "set", range(1, 21), space=("",))

    def tested(**options):
        return {s.name for s in dataset(root, **options).subjects() if s.split == "test"}

    few = tested(subjects={"test": 4})
    assert len(few) == 4
    assert tested(subjects={"train": 9, "val": 2, "test": 4}) == few
    assert tested(subjects={"test": 4}, seed=1) != few


def test_two_scans_of_a_person_stay_on_one_side(tmp_path):
    root = neurite_oasis(tmp_path / "set", range(1, 9), space=("",))
    for name in ("norm", "seg35"):
        volume(root / "OASIS_OAS1_0003_MR2" / f"{name}.nii.gz")
    with (root / "subjects.txt").open("a") as file:
        file.write("OASIS_OAS1_0003_MR2\n")
    for seed in range(5):
        subjects = dataset(root, subjects={"train": 4, "test": 4}, seed=seed).subjects()
        assert len({s.split for s in subjects if s.group == "OAS1_0003"}) == 1
        assert len(subjects) == 9


def test_folders_that_are_not_the_archive_are_answered_with_what_was_found_and_how_to_get_it(tmp_path):
    told = refusal(dataset(tmp_path / "nowhere"))
    assert "nowhere: no such folder" in told
    assert (
        "download https://surfer.nmr.mgh.harvard.edu/ftp/data/neurite/data/neurite-oasis.v1.0.tar (6.6 GB"
        in told
    )
    (tmp_path / "empty").mkdir()
    told = refusal(dataset(tmp_path / "empty"))
    assert "no folder OASIS_OAS1_0001_MR1" in told
    assert "found nothing; download https://surfer.nmr.mgh.harvard.edu" in told
    flat = tmp_path / "flat"
    volume(flat / "OASIS_OAS1_0001_MR1" / "slice_norm.nii.gz", np.ones((4, 5), np.float32))
    told = refusal(dataset(flat, subjects={"test": 1}))
    assert "no norm.nii.gz in any of its 1 subjects' folders, found slice_norm.nii.gz" in told
    assert "2D slices will not do" in told


def test_the_list_of_scans_is_read_alike_in_every_locale(tmp_path):
    root = neurite_oasis(tmp_path / "set", [1, 2], space=("",))
    code = (
        "from regbench.data import load_dataset; from regbench.study import DatasetSettings\n"
        f"settings = DatasetSettings(type='neurite_oasis', path={str(root)!r}, subjects={{'test': 2}})\n"
        "print(len(load_dataset(settings, 'out').subjects()))"
    )
    strict = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning:regbench.data.neurite_oasis"]
    done = subprocess.run([sys.executable, *strict, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "2", done.stderr


def test_too_few_people_and_missing_files_are_told_by_number_and_name(tmp_path):
    root = neurite_oasis(tmp_path / "set", [1, 2, 3], space=("",))
    told = refusal(dataset(root))
    assert "3 people with all files, `subjects` asks for 44 (32 train, 4 val, 8 test); ask for fewer" in told
    (root / "OASIS_OAS1_0002_MR1" / "seg35.nii.gz").unlink()
    data = dataset(root, subjects={"test": 3})
    assert "OASIS_OAS1_0002_MR1/seg35.nii.gz: no such file" in refusal(data)
    assert len(data.files()) == 6
