"""What a run depends on, as one hash: a pair is done when a record with its key is there."""

import hashlib
import json
import shlex
from functools import cache
from pathlib import Path
from typing import Any

from regbench.fingerprint import fingerprint, modules_beside
from regbench.methods.discovery import MethodFile
from regbench.methods.patterns import fill, pair_names
from regbench.records import files_in
from regbench.runs.environments import environment_files, facts_of

PACKAGES = Path(__file__).resolve().parents[2]  # the folder that holds the package


def run_key(
    pair: dict[str, Any],
    method: MethodFile,
    options: dict[str, Any],
    model: str | None,
    settings: dict[str, Any],
) -> str:
    """Hash (32 hex digits) of a run: contents of all files it reads, options, and `settings` as JSON.

    `settings`: code fingerprint, device, threads, seed and number of calls. Raises OSError when a file is missing.
    """
    files = [pair[side].get(kind) for side in ("fixed", "moving") for kind in ("image", "mask")]
    files += [pair.get("truth") if method.needs_truth else None, model]
    parts = {
        "pair": pair["pair"],
        "files": [path and file_hash(path) for path in files],
        "own": [file_hash(path) for path in own_files(method, options, pair_names(pair))],
        "method": [method.python, method.command, facts_of(method) or None],
        "options": options,
        **settings,
    }
    return digest(parts)


def own_parts(method: MethodFile, options: dict[str, Any]) -> list[Any]:
    """What the training of a class depends on beyond regbench: its packages, its own code and data files, as JSON."""
    code = fingerprint([method.python], method.path.parent) if method.python else None
    return [facts_of(method), code, [file_hash(path) for path in own_files(method, options, {})]]


def score_key(pair: dict[str, Any], settings: str) -> str:
    """Hash (32 hex digits) of what a pair's scores depend on besides its field: both sides with the contents of all
    files they name, the truth, and `settings`, which holds the scores' own settings and code."""
    parts = {name: pair.get(name) for name in ("fixed", "moving", "truth")}
    return digest([settings, parts, [file_hash(path) for path in files_in(parts)]])


def digest(parts: Any) -> str:
    """Hash (32 hex digits) of anything JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def seed_of(*parts: Any) -> int:
    """A seed below 2**31, drawn from what is being run."""
    return int(digest(parts)[:8], 16) % 2**31


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file, computed once while its time and size stay."""
    stat = Path(path).stat()
    return _content_hash(str(path), stat.st_mtime_ns, stat.st_size)


@cache
def _content_hash(path: str, _time: int, _size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def own_files(method: MethodFile, options: dict[str, Any], names: dict[str, str]) -> list[Path]:
    """Files of the method's own: what lies beside its module under the same name (mine.txt), scripts that its command names and
    what they import from their folder, what its environment is made of, files that its options name, alone or in lists
    (patterns of `names`, methods/patterns.py). A class's Python is in the code's fingerprint, which sees through comments."""
    values = [each for value in options.values() for each in (value if isinstance(value, list) else [value])]
    texts = [value for value in values if isinstance(value, str)]
    commands = shlex.split(f"{method.command or ''} {method.train or ''}")
    texts += [token.replace("HERE", str(method.path.parent)) for token in commands]
    paths = [Path(fill(text, names)) for text in texts if 0 < len(text) < 1000]
    paths += [
        other for path in paths if path.suffix == ".py" and path.is_file() for other in modules_beside(path)
    ]
    if method.python:
        module = method.python.partition(":")[0].replace(".", "/")
        beside = [path for folder in (method.path.parent, PACKAGES) for path in folder.glob(f"{module}.*")]
        paths += sorted(path for path in beside if path.suffix != ".py")
    return [path for path in [*paths, *environment_files(method)] if path.is_file() and path != method.path]
