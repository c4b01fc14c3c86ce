import csv
import gzip
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from regbench.data import load_dataset
from regbench.data._ixi_files import ARCHIVES
from regbench.geometry.images import read_volume
from regbench.problems import Problems
from regbench.study import DatasetSettings
from tests.data.distributed import BAD, IXI_PEOPLE, T1_ALONE, T2_ALONE, head, ixi_images, lay_ixi


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return lay_ixi(tmp_path_factory.mktemp("set"))


def ixi(root, out=None, **options):
    settings = {"val": 2, **options}
    return load_dataset(DatasetSettings(type="ixi", path=str(root), **settings), out or root / "out")


def refusal(root, **options):
    with pytest.raises(Problems) as caught:
        ixi(root, **options).subjects()
    (problem,) = caught.value.problems
    assert problem.where == str(root)
    return problem


@pytest.mark.parametrize("archives", [True, False])
def test_whole_people_are_used_and_divided_by_a_draw(tmp_path, archives):
    lay_ixi(tmp_path, archives)
    subjects = ixi(tmp_path).subjects()
    assert [s.name for s in subjects] == IXI_PEOPLE
    assert Counter(s.split for s in subjects) == {"train": 8, "val": 2, "test": 2}  # a fifth of 12 is 2.4
    assert [s.split for s in ixi(tmp_path).subjects()] == [s.split for s in subjects]
    assert [s.split for s in ixi(tmp_path, seed=1).subjects()] != [s.split for s in subjects]


def test_the_paper_s_number_divides_into_386_and_97(tmp_path):
    for contrast in ("T1", "T2"):
        for number in range(2, 583):
            (tmp_path / f"IXI{number:03d}-Guys-{number:04d}-{contrast}.nii.gz").touch()
    dataset = ixi(tmp_path, val=0, exclude=[])
    assert Counter(s.split for s in dataset.subjects()) == {"train": 386, "test": 97}
    # Fewer people are a part of more, and who is for test does not depend on `val`.
    some = {s.name: s.split for s in ixi(tmp_path, subjects=100, val=9).subjects()}
    assert some.keys() <= {s.name for s in dataset.subjects()}
    assert [n for n, s in some.items() if s == "test"] == [
        s.name for s in ixi(tmp_path, subjects=100, val=0).subjects() if s.split == "test"
    ]


def test_people_without_both_images_and_known_bad_ones_are_left_out_and_told(packed):
    told = [str(problem) for problem in ixi(packed).warnings()]
    assert all(problem.level == "warning" for problem in ixi(packed).warnings())
    for line in (
        f"{T1_ALONE} is left out: no T2 image",
        f"{T2_ALONE} is left out: no T1 image",
        f"{BAD} is left out: its T2w image has 28 slices, 5 mm apart",
        "12 people have both images, `subjects` is 483: all are used",
        "12 people's images are in archives",
    ):
        assert any(line in each for each in told), line
    names = [s.name for s in ixi(packed, exclude=[]).subjects()]
    assert BAD in names
    assert IXI_PEOPLE[0] not in [s.name for s in ixi(packed, exclude=[IXI_PEOPLE[0]]).subjects()]


def test_an_archive_s_image_is_unpacked_once_as_it_is(packed, tmp_path):
    dataset = ixi(packed, tmp_path)
    record = dataset.make(IXI_PEOPLE[0])
    assert record["status"] == "ok", record["message"]
    path = tmp_path / IXI_PEOPLE[0] / f"{IXI_PEOPLE[0]}-T1.nii.gz"
    assert record["images"]["T1w"] == str(path)
    assert path.read_bytes() == ixi_images()["IXI-T1"][path.name]
    np.testing.assert_array_equal(read_volume(record["images"]["T2w"]).data > 0, head(100)[0] > 0)
    before = path.stat()
    assert dataset.make(IXI_PEOPLE[0])["status"] == "ok"
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    path.write_bytes(b"half of it")  # what no stopped job leaves, but a full disk may
    assert ixi(packed, tmp_path).make(IXI_PEOPLE[0])["status"] == "ok"
    assert sorted(p.name for p in tmp_path.iterdir()) == [IXI_PEOPLE[0], "subjects.csv"]  # nobody else's


def test_only_what_is_unpacked_is_given_to_the_check(packed, tmp_path):
    dataset = ixi(packed, tmp_path)
    assert not [file for file in dataset.files() if file.path.is_file()]
    dataset.make(IXI_PEOPLE[0])
    there = [file for file in dataset.files() if file.path.is_file()]
    assert [(file.subject, file.contrast) for file in there] == [
        (IXI_PEOPLE[0], "T1w"),
        (IXI_PEOPLE[0], "T2w"),
    ]
    assert "11 people's images are in archives" in str(dataset.warnings()[-1])


def test_who_is_used_and_why_not_is_written_beside_the_records(packed, tmp_path):
    dataset = ixi(packed, tmp_path, subjects=10)
    dataset.make(dataset.subjects()[0].name)
    with (tmp_path / "subjects.csv").open() as file:
        rows = {row["subject"]: row for row in csv.DictReader(file)}
    assert len(rows) == 15
    assert {name: row["split"] for name, row in rows.items() if row["split"]} == {
        s.name: s.split for s in dataset.subjects()
    }
    assert rows[T1_ALONE]["left_out"] == "no T2 image"
    assert [row["left_out"] for row in rows.values()].count("not drawn") == 2
    assert rows[IXI_PEOPLE[0]]["T1w"] == f"{packed / 'IXI-T1.tar'}:{IXI_PEOPLE[0]}-T1.nii.gz"


def test_an_image_that_cannot_be_read_costs_its_person_alone(tmp_path):
    lay_ixi(tmp_path, archives=False)
    (tmp_path / "IXI-T2" / f"{IXI_PEOPLE[3]}-T2.nii.gz").write_bytes(gzip.compress(b"no image"))
    dataset = ixi(tmp_path)
    record = dataset.make(IXI_PEOPLE[3])
    assert record["status"] == "error"
    assert f"{IXI_PEOPLE[3]}-T2.nii.gz" in record["message"]
    assert dataset.make(IXI_PEOPLE[4])["status"] == "ok"


def test_all_images_in_one_folder_and_a_second_copy(tmp_path):
    for files in ixi_images().values():
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
    assert len(ixi(tmp_path).subjects()) == 12
    (tmp_path / "copy").mkdir()
    name = f"{IXI_PEOPLE[0]}-T1.nii.gz"
    (tmp_path / "copy" / name).write_bytes(b"")
    dataset = ixi(tmp_path)
    assert tmp_path / name in dataset.subjects()[0].sources
    assert any(
        f"{tmp_path / name} is used, and not {tmp_path / 'copy' / name}" in str(p) for p in dataset.warnings()
    )


def test_an_unpacked_image_beside_its_archive_is_used_and_hides_nobody(tmp_path):
    lay_ixi(tmp_path)
    stray = tmp_path / "some" / f"{IXI_PEOPLE[2]}-T1.nii.gz"
    stray.parent.mkdir()
    stray.write_bytes(ixi_images()["IXI-T1"][stray.name])
    dataset = ixi(tmp_path)
    subjects = {s.name: s.sources for s in dataset.subjects()}
    assert list(subjects) == IXI_PEOPLE
    assert subjects[IXI_PEOPLE[2]] == [stray, tmp_path / "IXI-T2.tar"]
    assert subjects[IXI_PEOPLE[3]] == [tmp_path / "IXI-T1.tar", tmp_path / "IXI-T2.tar"]
    assert not any("is used, and not" in str(problem) for problem in dataset.warnings())


def test_folders_without_people_are_answered_with_how_to_get_them(tmp_path):
    problem = refusal(tmp_path / "none")
    assert "no such folder" in problem.what
    assert "`snakemake --cores 1 download_ixi`" in problem.todo
    assert "T1 images of 0 people and T2 images of 0 people, found an empty folder" in refusal(tmp_path).what
    (tmp_path / "IXI-T2.tar.part").touch()
    assert "IXI-T2.tar.part was not downloaded to its end" in refusal(tmp_path).what
    lay_ixi(tmp_path)
    (tmp_path / ARCHIVES["T2w"]).unlink()
    assert "T1 images of 14 people and T2 images of 0 people" in refusal(tmp_path).what
    with pytest.raises(Problems, match="`val: 20` leaves none to train on"):
        ixi(lay_ixi(tmp_path / "few"), val=20).subjects()


@pytest.mark.parametrize("share", [0.001, 0.1, 0.3, 0.5, 0.99])
def test_an_archive_cut_short_is_told_by_name(tmp_path, share):
    lay_ixi(tmp_path)
    archive = tmp_path / "IXI-T1.tar"
    content = archive.read_bytes().rstrip(b"\0")
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(
        ValueError, match=r"IXI-T1\.tar: not a whole tar archive .* rename it to IXI-T1\.tar\.part"
    ):
        ixi(tmp_path).subjects()


def test_listing_imports_nothing_heavy(packed):
    code = (
        "import sys; from regbench.data import load_dataset; from regbench.study import DatasetSettings\n"
        f"load_dataset(DatasetSettings(type='ixi', path={str(packed)!r}, val=2), {str(packed)!r}).subjects()\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'scipy', 'nibabel'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
