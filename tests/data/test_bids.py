import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from regbench.data import load_dataset
from regbench.data._bids_options import BidsFilter
from regbench.study import DatasetSettings

T1W = {"T1w": {"suffix": "T1w"}}
HALVES = {"train": 0.5, "test": 0.5}


@pytest.fixture
def tree(tmp_path):
    """Lays out a BIDS dataset: files by name (`sub-01/anat/sub-01_T1w.nii.gz`), small images where they are NIfTI."""
    root = tmp_path / "set"
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps({"Name": "a set", "BIDSVersion": "1.9.0"}))

    def lay(*names, data=None):
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith((".nii", ".nii.gz")):
                nib.save(
                    nib.Nifti1Image(np.ones((4, 5, 6), np.int16) if data is None else data, np.eye(4)), path
                )
            else:
                path.write_text("{}")
        return root

    return lay


def anat(person, *endings, session=None):
    """Names of files: `01`, `T1w` -> sub-01/anat/sub-01_T1w.nii.gz."""
    folder, stem = f"sub-{person}", f"sub-{person}"
    if session:
        folder, stem = f"{folder}/ses-{session}", f"{stem}_ses-{session}"
    return [f"{folder}/anat/{stem}_{ending}.nii.gz" for ending in endings]


def bids(root, **options):
    settings = {"images": T1W, **options}
    if not {"split", "participants", "shares"} & settings.keys():
        settings["participants"] = {"test": [p.name for p in sorted(root.glob("sub-*"))]}
    return load_dataset(DatasetSettings(type="bids", path=str(root), **settings), root.parent / "out")


def refusal(dataset):
    with pytest.raises(ValueError, match="set") as caught:
        dataset.subjects()
    return str(caught.value)


def test_contrasts_are_found_by_suffix_with_sidecars_and_other_folders_passed_over(tree):
    root = tree(
        *anat("01", "T1w", "inplaneT2"), "sub-01/anat/sub-01_T1w.json", "sub-01/func/sub-01_T1w.nii.gz"
    )
    tree("derivatives/fmriprep/sub-01/anat/sub-01_T1w.nii.gz", "sourcedata/sub-01/anat/sub-01_T1w.nii.gz")
    dataset = bids(root, images={"T1w": {"suffix": "T1w"}, "T2w": {"suffix": "inplaneT2"}})
    (subject,) = dataset.subjects()
    assert (subject.name, subject.split, subject.group) == ("sub-01", "test", "sub-01")
    assert [p.name for p in subject.sources] == ["sub-01_T1w.nii.gz", "sub-01_inplaneT2.nii.gz"]
    assert dataset.contrasts() == ["T1w", "T2w"]
    assert not dataset.has_labels
    record = dataset.make("sub-01")
    assert record["status"] == "ok", record["message"]
    assert record["images"]["T2w"] == str(root / "sub-01/anat/sub-01_inplaneT2.nii.gz")


def test_entities_choose_among_runs_and_acquisitions_and_null_means_without(tree):
    root = tree(*anat("01", "acq-fast_run-01_T1w", "acq-fast_run-02_T1w", "run-02_T1w"))
    for filter_, name in (
        ({"acq": "fast", "run": 1}, "sub-01_acq-fast_run-01_T1w.nii.gz"),
        ({"acq": "fast", "run": "2"}, "sub-01_acq-fast_run-02_T1w.nii.gz"),
        ({"acq": None}, "sub-01_run-02_T1w.nii.gz"),
    ):
        (subject,) = bids(root, images={"T1w": {"suffix": "T1w", **filter_}}).subjects()
        assert [p.name for p in subject.sources] == [name]


def test_a_second_match_is_refused_with_the_candidates_and_the_entity_to_add(tree):
    root = tree(*anat("01", "run-1_T1w", "run-2_T1w"), *anat("02", "acq-fast_T1w", "T1w"))
    message = refusal(bids(root))
    assert (
        "sub-01: T1w (suffix: T1w) could be each of sub-01_run-1_T1w.nii.gz, sub-01_run-2_T1w.nii.gz"
        in message
    )
    assert "add one of run: 1 or 2 to the filter" in message
    assert "acq: fast or null" in message
    assert "run: 1" in refusal(bids(root, incomplete="skip"))


def test_a_session_is_a_subject_of_its_person_where_each_is_asked_for(tree):
    root = tree(*anat("01", "T1w", session="pre"), *anat("01", "T1w", session="post"), *anat("02", "T1w"))
    assert "set `sessions` to `each` or to one of post, pre" in refusal(bids(root))
    dataset = bids(root, sessions="each", participants={"train": ["01"], "test": ["02"]})
    assert [(s.name, s.group, s.split) for s in dataset.subjects()] == [
        ("sub-01_ses-post", "sub-01", "train"),
        ("sub-01_ses-pre", "sub-01", "train"),
        ("sub-02", "sub-02", "test"),
    ]


def test_a_named_session_is_taken_and_an_unknown_one_refused(tree):
    root = tree(*anat("01", "T1w", session="01"), *anat("01", "T1w", session="02"))
    (subject,) = bids(root, sessions=2).subjects()
    assert (subject.name, subject.sources[0].name) == ("sub-01", "sub-01_ses-02_T1w.nii.gz")
    assert "no image of session '3'; there are 01, 02" in refusal(bids(root, sessions="3"))


def test_two_sessions_may_be_two_contrasts_of_one_subject(tree):
    root = tree(*anat("01", "T1w", session="1"), *anat("01", "T1w", session="2"))
    images = {"before": {"suffix": "T1w", "ses": 1}, "after": {"suffix": "T1w", "ses": 2}}
    (subject,) = bids(root, images=images).subjects()
    assert [p.name for p in subject.sources] == ["sub-01_ses-1_T1w.nii.gz", "sub-01_ses-2_T1w.nii.gz"]


def test_labels_and_masks_come_from_the_derivatives_named(tree):
    root = tree(*anat("01", "T1w"), *anat("02", "T1w"))
    tree(
        "derivatives/manual/sub-01/anat/sub-01_dseg.nii.gz", "derivatives/auto/sub-01/anat/sub-01_dseg.nii.gz"
    )
    tree(
        "derivatives/auto/sub-01/sub-01_desc-brain_mask.nii.gz",
        "derivatives/auto/sub-02_desc-brain_mask.nii.gz",
    )
    options = {
        "labels": {"derivatives": "manual", "suffix": "dseg"},
        "mask": {"derivatives": "auto", "suffix": "mask", "desc": "brain"},
        "participants": {"train": ["sub-02"], "test": ["sub-01"]},
    }
    dataset = bids(root, **options)
    assert dataset.has_labels
    record = dataset.make("sub-01")
    assert record["status"] == "ok", record["message"]
    assert record["labels"] == str(root / "derivatives/manual/sub-01/anat/sub-01_dseg.nii.gz")
    assert record["mask"] == str(root / "derivatives/auto/sub-01/sub-01_desc-brain_mask.nii.gz")
    assert dataset.make("sub-02")["labels"] is None  # training needs none
    options["participants"] = {"test": ["sub-01", "sub-02"]}
    assert "sub-02 has no labels (suffix: dseg, derivatives: manual)" in refusal(bids(root, **options))
    options["labels"]["derivatives"] = "manuel"
    assert "no such folder of derivatives; there are auto, manual" in refusal(bids(root, **options))


def test_labels_off_the_images_grid_end_as_an_error_record(tree):
    root = tree(*anat("01", "T1w"))
    tree("derivatives/m/sub-01/anat/sub-01_dseg.nii.gz", data=np.ones((4, 5, 7), np.int16))
    record = bids(root, labels={"derivatives": "m", "suffix": "dseg"}).make("sub-01")
    assert record["status"] == "error"
    assert "labels and masks must lie on an image's grid" in record["message"]


def test_subjects_that_lack_a_contrast_are_refused_or_skipped_and_logged(tree, caplog):
    root = tree(*anat("01", "T1w", "T2w"), *anat("02", "T1w"))
    images = {**T1W, "T2w": {"suffix": "T2w"}}
    message = refusal(bids(root, images=images))
    assert "sub-02 has no T2w (suffix: T2w)" in message
    assert "`incomplete: skip`" in message
    with caplog.at_level("INFO"):
        assert [s.name for s in bids(root, images=images, incomplete="skip").subjects()] == ["sub-01"]
    assert "sub-02 has no T2w" in caplog.text


def test_splits_are_read_from_participants_tsv(tree):
    root = tree(*anat("01", "T1w"), *anat("02", "T1w"), *anat("03", "T1w"))
    table = "participant_id\tsplit\tfold\nsub-01\ttrain\ttest\n02\ttest\tval\nsub-03\tn/a\tn/a\nsub-09\tval\tval\n"
    (root / "participants.tsv").write_text(table)
    assert [(s.name, s.split) for s in bids(root, split="split").subjects()] == [
        ("sub-01", "train"),
        ("sub-02", "test"),
    ]
    assert [s.split for s in bids(root, split="fold").subjects()] == ["test", "val"]
    assert "no column 'group' (found participant_id, split, fold)" in refusal(bids(root, split="group"))
    (root / "participants.tsv").write_text("participant_id\tsplit\nsub-01\ttrain\nsub-01\ttest\n")
    assert "line 3: sub-01 is listed twice" in refusal(bids(root, split="split"))
    (root / "participants.tsv").write_text("participant_id\tsplit\nsub-01\ttset\n")
    assert "split 'tset' is none of train, val, test" in refusal(bids(root, split="split"))
    (root / "participants.tsv").write_text("participant_id\tsplit\nsub-01\tn/a\n")
    assert "none of its 3 participants has a split" in refusal(bids(root, split="split"))
    (root / "participants.tsv").unlink()
    assert "participants.tsv: no such file" in refusal(bids(root, split="split"))


def test_a_table_without_participants_is_answered_with_what_bids_asks_for(tree):
    root = tree(*anat("01", "T1w"))
    (root / "participants.tsv").write_text("subject\tsplit\nsub-01\ttest\n")
    message = refusal(bids(root, split="split"))
    assert "no column participant_id (found subject, split); name the column of participants" in message


def test_files_that_were_found_are_given_beside_subjects_that_are_wrong(tree):
    root = tree(*anat("01", "T1w"), *anat("02", "T2w"), *anat("03", "run-1_T1w", "run-2_T1w"))
    dataset = bids(root)
    message = refusal(dataset)
    assert "sub-02 has no T1w" in message
    assert "sub-03: T1w (suffix: T1w) could be each of" in message
    assert [file.path.name for file in dataset.files()] == ["sub-01_T1w.nii.gz"]


def test_participants_listed_in_the_study_must_be_there_once(tree):
    root = tree(*anat("01", "T1w"), *anat("02", "T1w"))
    assert [s.name for s in bids(root, participants={"test": ["01"]}).subjects()] == ["sub-01"]
    assert "no folder of sub-03" in refusal(bids(root, participants={"test": ["sub-03"]}))
    with pytest.raises(ValueError, match=r"sub-01 is listed twice \(train and test\)"):
        bids(root, participants={"train": ["sub-01"], "test": ["01"]}).subjects()


def test_shares_are_a_seeded_draw_of_people_that_names_alone_decide(tree):
    root = tree(*(name for k in range(8) for s in "ab" for name in anat(f"{k}", "T1w", session=s)))
    draws = []
    for seed in (0, 0, 1):
        subjects = bids(
            root, shares={"train": 0.5, "val": 0.25, "test": 0.25}, seed=seed, sessions="each"
        ).subjects()
        splits = [s.split for s in subjects]
        assert [splits.count(name) for name in ("train", "val", "test")] == [8, 4, 4]
        draws.append(splits)
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"shares": {"train": 0.5, "test": 0.6}}, "parts of 1"),
        ({"shares": HALVES, "split": "fold"}, "three ways to split"),
        ({"images": {}}, "at least 1 item"),
        ({"images": {"T1w": {"suffix": "T1w", "sub": "01"}}}, "`sub` cannot be wanted"),
        ({"images": {"T1w": {"suffix": "T1w", "run": [1, 2]}}}, "run: expected a word, a number or null"),
        ({"images": {"T1w": {"sufix": "T1w"}}}, r"sufix: neither .* \(did you mean 'suffix'\?\)"),
        ({"labels": {"derivative": "x"}}, r"derivative: .*did you mean 'derivatives'"),
        ({"images": {"T1w": {"ses": "a"}}, "sessions": "each"}, "both choose sessions"),
        ({"participants": {"tset": ["01"]}}, "participants.tset"),
        ({"derivative": "x"}, "derivative: unknown key"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, options, reason):
    with pytest.raises(ValueError, match=reason):
        bids(tmp_path, **options)


@pytest.mark.parametrize("entity", ["desc", "den", "dir", "hemi", "split", "atlasversion"])
def test_entities_of_bids_and_of_derivatives_of_ones_own_are_no_mistyped_keys(entity):
    assert BidsFilter(**{"suffix": "T1w", entity: "x"}).entities == {entity: "x"}


def test_an_unknown_suffix_is_answered_with_those_there(tree):
    root = tree(*anat("01", "T1w", "inplaneT2"))
    message = refusal(bids(root, images={"T2w": {"suffix": "inplanT2"}}))
    assert "suffixes there: T1w, inplaneT2 (did you mean 'inplaneT2'?)" in message
    message = refusal(bids(root, images={"T1w": {"suffix": "T1w", "acq": "fast"}}))
    assert "no image (suffix: T1w, acq: fast) in any `anat`; entities there: none" in message


def test_folders_that_are_no_dataset_are_refused_by_name(tree, tmp_path):
    assert "no such folder" in refusal(bids(tmp_path / "set-that-is-not"))
    root = tree()
    assert "no folder of a participant" in refusal(bids(root))
    tree(*anat("01", "T1w"))
    (root / "dataset_description.json").write_text("{")
    assert "dataset_description.json: not JSON" in refusal(bids(root))
    (root / "dataset_description.json").unlink()
    assert "no dataset_description.json" in refusal(bids(root))


def test_a_link_to_contents_not_fetched_is_refused(tree):
    root = tree(*anat("01", "T1w"))
    path = root / anat("01", "T1w")[0]
    path.unlink()
    path.symlink_to(root / ".git/annex/objects/gone.nii.gz")
    assert "datalad get" in refusal(bids(root))


def test_names_that_cannot_join_a_pair_are_refused(tree):
    assert "double underscore" in refusal(bids(tree("sub-é/anat/sub-é_T1w.nii.gz")))


def test_a_pickle_in_the_dataset_is_not_read(tree):
    root = tree(*anat("01", "T1w"))
    (root / ".ancpbids-dataset.pickle").write_bytes(b"cos\nabort\n(tR.")  # would end the process
    assert len(bids(root).subjects()) == 1


def test_listing_imports_nothing_heavy(tree):
    root = tree(*anat("01", "T1w"))
    code = (
        "import sys; from regbench.data import load_dataset; from regbench.study import DatasetSettings\n"
        f"options = dict(path={str(root)!r}, images={T1W!r}, participants=dict(test=['01']))\n"
        f"d = load_dataset(DatasetSettings(type='bids', **options), {str(root / 'out')!r}); d.subjects()\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'scipy', 'nibabel'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.shared
def test_ds000011_is_listed_and_read(shared_data, tmp_path):
    images = {**T1W, "T2w": {"suffix": "inplaneT2"}}
    dataset = bids(shared_data / "ds000011", images=images, shares={"train": 0.5, "test": 0.5})
    splits = [subject.split for subject in dataset.subjects()]
    assert [splits.count(name) for name in ("train", "test")] == [4, 4]
    record = dataset.make("sub-03")
    assert record["status"] == "ok", record["message"]
    assert record["images"]["T2w"].endswith("ds000011/sub-03/anat/sub-03_inplaneT2.nii.gz")
