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


def fingerprint(entries: Iterable[str], folder: Path | None = None) -> str:
    """Hash (16 hex digits) of the modules named, as `regbench.runs.worker` or `regbench.methods.syn:SyN`.

    Modules that lie in `folder`, that of a method's file, are followed as this package's are; those of other packages are
    ignored. A module of this package that does not exist raises ValueError.
    """
    digest = hashlib.sha256()
    for name, path in sorted(reached(tuple(entries), folder).items()):
        digest.update(f"{name}\0{_code(path, path.stat().st_mtime_ns)}\0".encode())
    return digest.hexdigest()[:16]


def modules_beside(script: Path) -> list[Path]:
    """The Python files that a script imports, directly or not, from the folder it lies in."""
    found = _reach(_imports("", script), script.parent)
    return sorted(path for name, path in found.items() if not _ours(name) and path != script)


def modules_of(entry: str, folder: Path) -> list[Path]:
    """The Python files in `folder` that an entry module is made of; none of this package's."""
    return sorted(path for name, path in reached([entry], folder).items() if not _ours(name))


def imported(entries: Iterable[str], folder: Path | None = None) -> set[str]:
    """The top-level packages that the entries import, by the code of this package and of `folder` that they reach."""
    found = reached(entries, folder)
    return {each.split(".")[0] for name, path in found.items() for each in _imports(name, path)}


def reached(entries: Iterable[str], folder: Path | None = None) -> dict[str, Path]:
    """Modules of this package and of `folder` that the entries import, directly or not, themselves included: their files."""
    todo = [entry.split(":")[0] for entry in entries]
    for name in todo:
        if _ours(name) and _path(name, folder) is None:
            raise ValueError(f"{name}: no such module in {ROOT}")
    return _reach(todo, folder)


def _reach(names: Iterable[str], folder: Path | None) -> dict[str, Path]:
    todo, found = list(names), {}
    while todo:
        name = todo.pop()
        path = _path(name, folder)
        if name in found or name in BOOKKEEPING or path is None:
            continue
        found[name] = path
        todo += _imports(name, path)
        todo.append(name.rpartition(".")[0])  # importing a module runs its package's __init__ too
    return found


def _ours(name: str) -> bool:
    return name.split(".")[0] == PACKAGE


def _path(name: str, folder: Path | None) -> Path | None:
    root, parts = (ROOT, name.split(".")[1:]) if _ours(name) else (folder, name.split("."))
    if root is None or not name:
        return None
    base = root.joinpath(*parts)
    for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):  # Python's own order
        if path.is_file():
            return path
    return None


def _imports(name: str, path: Path) -> list[str]:
    """Modules a file imports anywhere, also inside functions; `from a import b` may name a module a.b."""
    return _imports_then(name, path, path.stat().st_mtime_ns)


@cache
def _imports_then(name: str, path: Path, changed: int) -> list[str]:
    names: list[str] = []
    for node in ast.walk(_tree(path, changed)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
            up = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            names += [base] + [f"{base}.{alias.name}" for alias in node.names]
    return names


@cache
def _code(path: Path, changed: int) -> str:
    """The file's code without docstrings, comments and layout."""
    tree = _tree(path, changed)
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
    """A file that is no Python is one string: whoever imports it is told what is wrong."""
    raw = path.read_bytes()
    try:
        return ast.parse(raw, filename=str(path))
    except (SyntaxError, ValueError):
        return ast.Module([ast.Assign([ast.Name("_")], ast.Constant(raw))], [])
