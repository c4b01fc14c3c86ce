"""A method's own environment, where its file names one (`venv`, `conda` or `container`): how commands start in it, and what
of it a run depends on.

The command lines of conda and apptainer are untested against the real tools: tests hold them word by word, and run them with
stand-ins. Docker itself is not used, for its daemon's processes are no children of ours: neither limit nor memory's
peak would hold for them. apptainer runs Docker's images (docker://NAME).
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from regbench.documents import read_mapping
from regbench.methods.discovery import MethodFile
from regbench.provenance import environment, version_of_module

ENGINES = ("apptainer", "singularity")


def beside(method: MethodFile, path: str) -> Path:
    """A path in a method file, which is relative to its folder. Links are kept: a venv's Python is one."""
    return Path(os.path.abspath(method.path.parent / Path(path).expanduser()))


def made(method: MethodFile) -> bool:
    """Whether its venv is there; true for one without, for only conda and apptainer know what they have."""
    return not method.venv or (beside(method, method.venv) / "bin" / "python").exists()


def start_of(
    method: MethodFile, device: str = "cpu", read: Iterable[Path] = (), written: Iterable[Path] = ()
) -> list[str]:
    """The words that the method's commands begin with, so that they run in its environment.

    A container sees the folders `read` and `written`, the one for temporary files, and no others; variables pass into it, as
    is apptainer's default. A venv needs no words: its variables do. ValueError or OSError for an unusable environment.yml.
    """
    if method.conda:
        return ["conda", "run", "--no-capture-output", *_conda(method, method.conda)]
    if method.container:
        engine = next(filter(shutil.which, ENGINES), ENGINES[0])
        own = {*map(str, written), "$TMPDIR"}
        binds = sorted(own) + sorted(f"{folder}:{folder}:ro" for folder in {*map(str, read)} - own)
        words = [word for bind in binds for word in ("--bind", bind)]
        image = method.container if "://" in method.container else str(beside(method, method.container))
        return [engine, "exec", "--contain", *(["--nv"] if device == "cuda" else []), *words, image]
    return []


def python_of(method: MethodFile, ours: str) -> str:
    """The Python of the method's environment, `ours` where it has none of its own."""
    if method.venv:
        return str(beside(method, method.venv) / "bin" / "python")
    return "python3" if method.own_environment else ours


def variables_of(method: MethodFile) -> dict[str, str]:
    """Variables of a method with its own environment: its folder alone is added to what that has, a venv's tools come first."""
    if not method.own_environment:
        return {}
    variables = {"PYTHONPATH": str(method.path.parent.resolve())}
    if method.venv:
        folder = beside(method, method.venv)
        path = os.pathsep.join(filter(None, [str(folder / "bin"), os.environ.get("PATH")]))
        variables |= {"PATH": path, "VIRTUAL_ENV": str(folder)}
    return variables


def facts_of(method: MethodFile) -> dict[str, Any]:
    """What a run depends on beyond regbench's libraries, and its record says: the environment's name and, of a venv, its
    Python and its packages; in regbench's own, the versions of the packages that the method's file names.

    Files that make an environment are `environment_files`.
    """
    if not method.own_environment:
        return {"packages": [_named(module) for module in method.packages]} if method.packages else {}
    named = {"venv": method.venv, "conda": method.conda, "container": method.container}
    facts: dict[str, Any] = {kind: name for kind, name in named.items() if name}
    if method.venv:
        folder = beside(method, method.venv)
        found = folder.glob("lib/python*/site-packages/*.dist-info")
        facts |= {"python": _version(folder / "pyvenv.cfg"), "packages": sorted(path.stem for path in found)}
    return facts


def _named(module: str) -> str:
    """A module's package and version, as a venv's folders name them; the module alone where it is not installed."""
    found = version_of_module(module)
    return f"{module}-{found}" if found else module


def recorded_environment(method: MethodFile) -> dict[str, Any]:
    """What a record says of where it was made: this machine and regbench's libraries and, as `own`, what the method has beyond."""
    own = facts_of(method)
    return environment() | ({"own": own} if own else {})


def environment_files(method: MethodFile) -> list[Path]:
    """The image, or the environment.yml, beside a method's file."""
    names = [name for name in (method.conda, method.container) if name and "://" not in name]
    return [path for path in (beside(method, name) for name in names) if path.is_file()]


def _conda(method: MethodFile, name: str) -> list[str]:
    """How conda is told which one: by its name, by its folder, or by the name that an environment.yml says."""
    if name.endswith((".yml", ".yaml")):
        path = beside(method, name)
        named = read_mapping(path).get("name")
        if not named:
            raise ValueError(f"{path}: no `name:`, by which conda knows the environment; add it")
        return ["-n", str(named)]
    return ["-p", str(beside(method, name))] if "/" in name else ["-n", name]


def _version(settings: Path) -> str | None:
    """A venv's Python version, from its pyvenv.cfg."""
    lines = settings.read_text(encoding="utf8").splitlines() if settings.is_file() else []
    pairs = {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
    return pairs.get("version", pairs.get("version_info"))
