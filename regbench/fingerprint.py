"""A fingerprint of the code that a stage really uses, so that a rerun happens when, and only when, it must.

Snakemake's own trigger sees a rule's shell line, not the Python behind it. Rules carry `fingerprint(...)` of their
entry modules as a parameter: the modules of this package they reach through imports, stripped of comments,
docstrings and layout.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PACKAGE = ROOT.name
# They watch, write down and describe; no number depends on them. The settings themselves are parameters of the rules.
BOOKKEEPING = {
    f"{PACKAGE}.{name}"
    for name in [
        "progress",
        "provenance",
        "records",
        "runs.lock",
        "study",
        "fingerprint",
        "problems",
        "validation",
        "documents",
    ]
}


def fingerprint(entries: Iterable[str]) -> str:
    """Hash (16 hex digits) of the modules named, as `regbench.runs.worker` or `regbench.methods.syn:SyN`.

    Modules of other packages are ignored; a module of this package that does not exist raises ValueError.
    """
    digest = hashlib.sha256()
    for name in sorted(reached(tuple(entries))):
        digest.update(f"{name}\0{_code(_path(name) or Path())}\0".encode())
    return digest.hexdigest()[:16]


def reached(entries: Iterable[str]) -> set[str]:
    """Names of this package's modules that the entries import, directly or not, themselves included."""
    todo = [entry.split(":")[0] for entry in entries]
    for name in todo:
        if name.split(".")[0] == PACKAGE and _path(name) is None:
            raise ValueError(f"{name}: no such module in {ROOT}")
    found: set[str] = set()
    while todo:
        name = todo.pop()
        path = _path(name) if name.split(".")[0] == PACKAGE else None
        if name in found or name in BOOKKEEPING or path is None:
            continue
        found.add(name)
        todo += _imports(path)
        todo.append(name.rpartition(".")[0])  # importing a module runs its package's __init__ too
    return found


def _path(name: str) -> Path | None:
    base = ROOT.joinpath(*name.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(path: Path) -> list[str]:
    """Modules a file imports anywhere, also inside functions; `from a import b` may name a module a.b."""
    names: list[str] = []
    for node in ast.walk(_tree(path, path.stat().st_mtime_ns)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def _code(path: Path) -> str:
    """The file's code without docstrings, comments and layout."""
    tree = _tree(path, path.stat().st_mtime_ns)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_docstring(part)]
    return ast.dump(tree)


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@cache
def _tree(path: Path, _changed: int) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf8"), filename=str(path))
