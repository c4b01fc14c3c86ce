"""A study is complete in itself and strictly validated."""

import json
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


def variants(**settings) -> dict:
    return parse_study({**default(), "methods": {"dmi": settings}}, "my.yaml").methods["dmi"].variants


def test_a_grid_makes_a_named_variant_of_every_combination():
    grid = {"sigma": [0.5, 1.0], "bins": [16, 32]}
    assert variants(grid=grid) == {
        "sigma0.5_bins16": {"sigma": 0.5, "bins": 16},
        "sigma0.5_bins32": {"sigma": 0.5, "bins": 32},
        "sigma1.0_bins16": {"sigma": 1.0, "bins": 16},
        "sigma1.0_bins32": {"sigma": 1.0, "bins": 32},
    }
    assert list(variants(grid={"bins": [16]}, variants={"default": {}})) == ["default", "bins16"]
    assert list(variants(grid={"encoder": [[8, 16]], "metric": ["WNCC 2x2"]})) == [
        "encoder8-16_metricWNCC2x2"
    ]


def test_a_study_written_down_and_read_again_has_the_same_variants():
    study = parse_study({**default(), "methods": {"dmi": {"grid": {"sigma": [0.5, 1.0]}}}}, "my.yaml")
    assert parse_study(json.loads(study.model_dump_json()), "study.json") == study


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"bins": []}, r"methods\.dmi\.grid\.bins"),
        ({"bins": 16}, r"methods\.dmi\.grid\.bins"),
        ({"bins": [16, "16"]}, "two variants are called 'bins16'"),
        ({"a__b": [1]}, "'a__b1' cannot be a name"),
    ],
)
def test_a_grid_that_gives_no_variants_is_refused(grid, message):
    with pytest.raises(ValueError, match=message):
        variants(grid=grid)


@pytest.mark.parametrize(
    ("tuning", "message"),
    [
        ({"setings": 4}, r"tuning\.setings: unknown key \(did you mean 'settings'\?\)"),
        ({"settings": 0}, r"tuning\.settings"),
        ({"folding_percent": -1}, r"tuning\.folding_percent"),
        ({"methods": []}, r"tuning\.methods"),
    ],
)
def test_tuning_is_validated_as_strictly_as_the_rest(tuning, message):
    with pytest.raises(ValueError, match=message):
        parse_study({**default(), "tuning": tuning}, "my.yaml")
