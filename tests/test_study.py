"""A study is complete in itself and strictly validated."""

from pathlib import Path

import pytest
import yaml

from regbench.study import parse_study, read_study

ROOT = Path(__file__).resolve().parent.parent
STUDIES = [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "studies").glob("*.yaml"))]
STUDIES += [
    path for folder in ("tests/studies", "benchmarks") for path in sorted((ROOT / folder).glob("*.yaml"))
]


def default() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_in_the_repository_is_valid(path):
    assert read_study(path).study


def test_an_unknown_key_is_refused_with_its_place():
    raw = default()
    raw["tasks"]["mono"]["paring"] = "between"
    with pytest.raises(ValueError, match=r"my\.yaml.*\n.*tasks\.mono\.paring"):
        parse_study(raw, "my.yaml")


def test_a_key_given_twice_in_json_is_refused(tmp_path):
    path = tmp_path / "study.json"
    path.write_text('{"study": "a", "limits": {"memory_gb": 1, "memory_gb": 2}}')
    with pytest.raises(
        ValueError, match=r"study\.json: the key 'memory_gb' is given twice; keep one of them"
    ):
        read_study(path)


def test_a_task_names_a_dataset_of_the_study():
    raw = default()
    raw["tasks"]["mono"]["dataset"] = "phantm"
    with pytest.raises(
        ValueError, match=r"tasks\.mono\.dataset: no dataset 'phantm'.*did you mean 'phantom'"
    ):
        parse_study(raw, "my.yaml")


def test_a_within_subject_task_needs_two_contrasts():
    raw = default()
    raw["tasks"]["mono"]["pairing"] = "within"
    with pytest.raises(ValueError, match="two different contrasts"):
        parse_study(raw, "my.yaml")


@pytest.mark.parametrize("name", ["a__b", "-x", "a/b", "", "a b"])
def test_names_that_would_break_paths_are_refused(name):
    raw = default()
    raw["study"] = name
    with pytest.raises(ValueError, match="study"):
        parse_study(raw, "my.yaml")


def test_yaml_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / "evil.yaml"
    path.write_text("study: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(ValueError, match=r"evil\.yaml, line 1: the tag .* would make an object or run code"):
        read_study(path)
