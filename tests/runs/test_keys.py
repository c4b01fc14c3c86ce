"""A run's key changes with whatever the run depends on, and with nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from regbench.methods.discovery import MethodFile
from regbench.runs.keys import run_key, seed_of

SETTINGS = {"code": "c", "threads": 2, "device": "cpu"}


@pytest.fixture
def pair(tmp_path) -> dict:
    sides = {}
    for side in ("fixed", "moving"):
        path = tmp_path / f"{side}.nii.gz"
        path.write_bytes(side.encode())
        sides[side] = {"subject": side[0].upper(), "image": str(path), "mask": None}
    return {"pair": "F__M", **sides}


@pytest.fixture
def method(tmp_path) -> MethodFile:
    return MethodFile("mine", tmp_path / "mine.smk", "Mine", command="python3 HERE/tool.py FIXED OUT")


def test_the_same_run_has_the_same_key(pair, method):
    assert run_key(pair, method, {"a": 1, "b": [2]}, None, SETTINGS) == run_key(
        dict(pair), method, {"b": [2], "a": 1}, None, dict(SETTINGS)
    )


def test_contents_count_and_times_do_not(pair, method):
    image = Path(pair["moving"]["image"])
    before = run_key(pair, method, {}, None, SETTINGS)
    image.touch()
    assert run_key(pair, method, {}, None, SETTINGS) == before
    image.write_bytes(b"another image")
    assert run_key(pair, method, {}, None, SETTINGS) != before


@pytest.mark.parametrize(
    "change", ["options", "settings", "model", "command", "script", "field", "affine", "mask"]
)
def test_whatever_a_run_depends_on_changes_its_key(tmp_path, pair, method, change):
    options = {"fields": [str(tmp_path / f"{{fixed}}_{{moving}}.{end}") for end in ("nii.gz", "mat")]}
    before = run_key(pair, method, options, None, SETTINGS)
    model, settings = None, SETTINGS
    if change == "options":
        options = {**options, "levels": 3}
    elif change == "settings":
        settings = {**SETTINGS, "threads": 4}
    elif change == "command":
        method = replace(method, command=method.command + " -v")
    else:
        name = {"script": "tool.py", "field": "F_M.nii.gz", "affine": "F_M.mat"}.get(change, change)
        (tmp_path / name).write_text("new")
        model = str(tmp_path / name) if change == "model" else None
        pair["fixed"]["mask"] = str(tmp_path / name) if change == "mask" else None
    assert run_key(pair, method, options, model, settings) != before


def test_a_missing_image_is_told(pair, method):
    Path(pair["fixed"]["image"]).unlink()
    with pytest.raises(FileNotFoundError):
        run_key(pair, method, {}, None, SETTINGS)


def test_seeds_differ_by_what_is_run_and_fit_31_bits():
    seeds = {seed_of(0, {"task": task}, pair) for task in "ab" for pair in "cd"}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_method_s_own_file_does_not_count_and_data_beside_its_module_do(tmp_path, pair):
    method = MethodFile("mine", tmp_path / "mine.smk", "Mine", python="mine:Mine")
    for name in ("mine.smk", "mine.txt"):
        (tmp_path / name).write_text("first")
    before = run_key(pair, method, {}, None, SETTINGS)
    (tmp_path / "mine.smk").write_text("another label, more settings to choose from")
    assert run_key(pair, method, {}, None, SETTINGS) == before
    (tmp_path / "mine.txt").write_text("second")
    assert run_key(pair, method, {}, None, SETTINGS) != before


def test_what_a_command_s_script_imports_from_its_folder_counts(tmp_path, pair, method):
    (tmp_path / "tool.py").write_text("import numpy, net\n")
    (tmp_path / "net.py").write_text("from layers import deep\n")
    (tmp_path / "layers.py").write_text("deep = 1\n")
    (tmp_path / "other.py").write_text("")
    before = run_key(pair, method, {}, None, SETTINGS)
    (tmp_path / "other.py").write_text("unused = 1\n")
    assert run_key(pair, method, {}, None, SETTINGS) == before
    (tmp_path / "layers.py").write_text("deep = 2\n")
    assert run_key(pair, method, {}, None, SETTINGS) != before
