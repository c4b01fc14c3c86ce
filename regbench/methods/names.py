"""What a method may be called: the name of a rule, of a Python module and of folders at once."""

import importlib.machinery
import keyword
import re
import sys
from functools import cache
from pathlib import Path

from regbench import PIPELINE
from regbench import __name__ as PACKAGE

NAME = re.compile(
    r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*"
)  # no double underscore: it joins the names of a pair
RULE = re.compile(r"^\s*(?:rule|checkpoint)\s+(\w+)\s*:", re.MULTILINE)


def name_problem(name: str, folder: Path, module: bool) -> str | None:
    """Why a method in `folder` cannot be called so; None where it can. `module`: whether NAME.py beside it has its code."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        return "expected a name of letters, digits and single _ between them, as of a Python module"
    if name in _rules():
        return "a rule of the workflow is called so; choose another name"
    if module and _elsewhere(name, folder.resolve()):
        return f"a Python module is called so, which {name}.py would hide from other methods; choose another name"
    return None


@cache
def _rules() -> set[str]:
    files = [PIPELINE / "Snakefile", *(PIPELINE / "workflow" / "rules").glob("*.smk")]
    return {name for path in files for name in RULE.findall(path.read_text(encoding="utf8"))}


def _elsewhere(name: str, folder: Path) -> bool:
    """Whether there is a module of that name that is not the method's own."""
    if name in sys.stdlib_module_names or name == PACKAGE:
        return True
    own = {folder, Path.cwd()}  # where somebody works there may be anything
    path = [entry for entry in sys.path if Path(entry).resolve() not in own]
    found = importlib.machinery.PathFinder.find_spec(name, path)
    return found is not None and found.origin is not None  # of a mere folder there is none
