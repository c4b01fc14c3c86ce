import gzip
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from regbench.data import load_dataset
from regbench.data._lpba40_files import LABELS
from regbench.data.lpba40 import PEOPLE
from regbench.geometry.images import read_volume
from regbench.problems import Problems
from regbench.study import DatasetSettings
from tests.data.distributed import SHAPE, SPACING, head, lay_lpba40


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All forty people, as distributed."""
    return lay_lpba40(tmp_path_factory.mktemp("set"))


def lpba40(root, **options):
    return load_dataset(DatasetSettings(type="lpba40", path=str(root), **options), root / "out")


def refusal(root, **options):
    with pytest.raises(Problems) as caught:
        lpba40(root, **options).subjects()
    (problem,) = caught.value.problems
    assert problem.where == str(root)
    return problem


def splits(root, **options):
    found: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for subject in lpba40(root, **options).subjects():
        found[subject.split].append(subject.name)
    return found


def test_the_last_eight_are_tested_and_the_last_four_of_the_others_validate(whole):
    found = splits(whole)
    assert found["test"] == [f"S{n}" for n in range(33, 41)]
    assert found["val"] == ["S29", "S30", "S31", "S32"]
    assert found["train"] == [f"S{n:02d}" for n in range(1, 29)]


def test_without_validation_all_32_train(whole):
    found = splits(whole, val=0)
    assert [len(names) for names in found.values()] == [32, 0, 8]


def test_who_is_tested_may_be_named(whole):
    found = splits(whole, test=["S01", "S40"], val=1)
    assert (found["test"], found["val"], len(found["train"])) == (["S01", "S40"], ["S39"], 37)


@pytest.mark.parametrize("options", [{"test": ["S41"]}, {"test": ["S01", "S01"]}, {"val": 33}, {"test": []}])
def test_splits_of_nobody_are_refused(whole, options):
    with pytest.raises(ValueError, match=r"test|val"):
        lpba40(whole, **options)


@pytest.mark.parametrize("ending", [".img.gz", ".img", ".nii.gz"])
def test_each_form_found_in_use_gives_the_same_scan(tmp_path, ending):
    lay_lpba40(tmp_path, ending=ending)
    dataset = lpba40(tmp_path)
    (subject,) = [s for s in dataset.subjects() if s.name == "S07"]
    assert len(subject.sources) == (2 if ending == ".nii.gz" else 4)  # a .hdr beside each .img
    record = dataset.make("S07")
    assert record["status"] == "ok", record["message"]
    image, labels = head(7)
    for path, data in ((record["images"]["T1w"], image), (record["labels"], labels)):
        volume = read_volume(path)
        np.testing.assert_array_equal(volume.data, data)
        np.testing.assert_allclose(volume.grid.affine, np.diag([*SPACING, 1.0]), rtol=1e-6)  # axes L, P, S
        assert volume.grid.shape == SHAPE


def test_an_unpacked_image_beside_its_archive_is_one_image(whole, tmp_path):
    lay_lpba40(tmp_path)
    packed = next(tmp_path.rglob("S03.delineation.skullstripped.img.gz"))
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    subject = lpba40(tmp_path).subjects()[2]
    assert packed.with_suffix("") in subject.sources
    assert packed not in subject.sources


def test_images_and_labels_may_lie_in_folders_of_their_own(tmp_path):
    lay_lpba40(tmp_path, ending=".nii.gz")
    for kind in ("skullstripped", "structure.label"):
        (tmp_path / kind).mkdir()
        for path in [*tmp_path.rglob(f"S*.{kind}.nii.gz")]:
            path.rename(tmp_path / kind / path.name)
    assert len(lpba40(tmp_path).subjects()) == 40


def test_a_missing_folder_an_empty_one_and_a_zip_are_answered_with_where_to_get_it(tmp_path):
    problem = refusal(tmp_path / "none")
    assert "no such folder" in problem.what
    assert "register at https://resource.loni.usc.edu" in problem.todo
    assert "found an empty folder" in refusal(tmp_path).what
    (tmp_path / "LPBA40subjects.delineation_space.zip").write_bytes(b"PK")
    assert "found LPBA40subjects.delineation_space.zip, not unpacked" in refusal(tmp_path).what


def test_who_is_missing_is_told_with_what(tmp_path):
    lay_lpba40(tmp_path, people=PEOPLE[:39])
    next(tmp_path.rglob("S02.delineation.structure.label.img.gz")).unlink()
    next(tmp_path.rglob("S05.delineation.skullstripped.hdr")).unlink()
    what = refusal(tmp_path).what
    assert what.startswith(
        "image and labels of 37 of 40 people found: S02 has no S02.delineation.structure.label"
    )
    assert "S05 has no .hdr beside S05.delineation.skullstripped.img.gz" in what
    assert "S40 has no S40.delineation.skullstripped" in what


def test_two_copies_of_a_person_are_refused(tmp_path):
    lay_lpba40(tmp_path / "one")
    lay_lpba40(tmp_path / "two", people=PEOPLE[:1])
    assert "S01 is there twice" in refusal(tmp_path).what


def test_labels_of_another_numbering_end_as_an_error_record(tmp_path):
    lay_lpba40(tmp_path, ending=".nii.gz")
    path = next(tmp_path.rglob("S04.delineation.structure.label.nii.gz"))
    image = nib.load(path)
    nib.save(nib.Nifti1Image((np.asarray(image.dataobj) > 0).astype(np.uint8), image.affine), path)
    record = lpba40(tmp_path).make("S04")
    assert record["status"] == "error"
    assert "labels 1 are none of LPBA40's 56" in record["message"]


def test_listing_imports_nothing_heavy(whole):
    code = (
        "import sys; from regbench.data import load_dataset; from regbench.study import DatasetSettings\n"
        f"load_dataset(DatasetSettings(type='lpba40', path={str(whole)!r}), {str(whole)!r}).subjects()\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'scipy', 'nibabel'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_there_are_56_labels_from_21_to_182():
    assert (len(LABELS), min(LABELS), max(LABELS)) == (56, 21, 182)


@pytest.mark.shared
def test_labels_are_those_of_an_atlas_in_lpba40s_numbering(shared_data):
    atlas = read_volume(shared_data / "sri24" / "lpba40.nii.gz", np.int32)
    assert {int(value) for value in np.unique(atlas.data)} == {0, *LABELS}
    # Odd numbers are on the left: LPS x grows to the left.
    for number in (21, 27, 165):
        left, right = (
            atlas.grid.to_points(np.argwhere(atlas.data == n).T)[0].mean() for n in (number, number + 1)
        )
        assert LABELS[number].startswith("L ")
        assert left > right
