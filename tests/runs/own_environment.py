"""A venv of its own for tests, and stand-ins for conda and apptainer that run what they are given in it."""

import json
import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

# The stand-ins start a child and keep only its standard streams open, as the real tools may.
STAND_IN = """#!{python}
import json, os, subprocess, sys
words = sys.argv[1:]
with open({seen!r}, "a") as file:
    file.write(json.dumps(words) + "\\n")
start = words.index({last!r}) + 1
os.environ["PATH"] = {bin!r} + os.pathsep + os.environ["PATH"]
sys.exit(subprocess.call(words[start:]))
"""


class OwnEnvironment:
    """A venv with the worker's packages, linked from ours, and one that is nowhere else; it has no torch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        (self.packages,) = folder.glob("lib/python*/site-packages")
        for name in ("numpy", "nibabel", "packaging", "typing_extensions", "importlib_resources"):
            self.link(name)
        self.add("only_here", "1.0", "ANSWER = 42\n")

    def link(self, name: str) -> None:
        """A package of ours, by the files of its installation."""
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            target = self.packages / top
            if not target.exists():
                target.symlink_to(Path(str(found.locate_file(top))).resolve())

    def add(self, name: str, version: str, code: str) -> None:
        (self.packages / f"{name}.py").write_text(code)
        (self.packages / f"{name}-{version}.dist-info").mkdir()

    def stand_in(self, folder: Path, tool: str, last: str) -> Path:
        """A program `tool` in `folder` that runs what follows its word `last` here; returns where it notes its words."""
        seen, program = folder / f"{tool}.words", folder / tool
        program.write_text(
            STAND_IN.format(python=sys.executable, seen=str(seen), last=last, bin=str(self.folder / "bin"))
        )
        program.chmod(0o755)
        return seen


def words(seen: Path) -> list[list[str]]:
    return [json.loads(line) for line in seen.read_text().splitlines()]


def first_on_path(monkeypatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), os.environ["PATH"]]))
