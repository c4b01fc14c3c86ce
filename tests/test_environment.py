"""The lock file, environment.yml and pyproject.toml say the same."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCK = [
    Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines() if line[:1] not in "#"
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_pin_is_exact_and_installed_here():
    peers = {plain(Requirement(text).name) for text in PROJECT["optional-dependencies"]["peers"]}
    absent = []
    for requirement in LOCK:
        if requirement.marker and not requirement.marker.evaluate():
            continue
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        try:
            assert metadata.version(requirement.name).split("+")[0] == pin.version, requirement.name
        except metadata.PackageNotFoundError:
            assert plain(requirement.name) in peers, f"{requirement.name} is not installed"
            absent.append(requirement.name)
    if absent:
        pytest.skip(f"the extra `peers` is not here: {', '.join(absent)}")


def test_the_lock_satisfies_the_project():
    pins = {plain(r.name): next(iter(r.specifier)).version for r in LOCK}
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *extras["dev"], *extras["peers"]]:
        requirement = Requirement(text)
        if requirement.name == PROJECT["name"]:  # dev takes in the other extras
            continue
        assert requirement.specifier.contains(pins[plain(requirement.name)]), text


def test_environment_yml_installs_the_lock_and_a_supported_python():
    packages = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in packages if isinstance(entry, dict))
    assert [Requirement(text) for text in pip] == LOCK
    python = next(entry for entry in packages if str(entry).startswith("python="))
    assert Requirement("python" + PROJECT["requires-python"]).specifier.contains(python.split("=")[1])


def test_no_file_names_this_machine():
    texts = [ROOT / "requirements.lock", ROOT / "pyproject.toml", ROOT / "environment.yml", ROOT / "Makefile"]
    assert not [path for path in texts if re.search(r"file:/|https?://(?!github)", path.read_text())]
