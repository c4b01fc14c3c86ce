"""Small files that stages hand to one another: JSON records, written whole or not at all."""

import gzip
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

FAILURES = ("error", "timeout", "oom", "invalid")  # statuses besides ok, and skipped for want of what failed


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write `content` to `path` atomically: a reader sees the old file or the new one, never half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except BaseException as error:
        Path(part).unlink(missing_ok=True)
        if isinstance(error, OSError):  # such as a full disk, of which writing does not say which
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A new folder beside `out` to write into. It takes the name when the block ends, and only then goes what was there; after
    an error it is gone and `out` is as it was."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    old = part.with_name(f"{part.name}.old")
    try:
        part.chmod(0o755)
        yield part
        if out.exists():
            out.rename(old)
        part.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_record(path: Path | str, record: dict[str, Any] | list[Any]) -> None:
    """Write a JSON record atomically. NaN is refused: a record is read by tools that are strict about JSON."""
    write_text(path, json.dumps(record, indent=1, allow_nan=False, default=_plain) + "\n")


def write_stage_record(path: Path | str, record: dict[str, Any]) -> dict[str, Any]:
    """Write a record with a digest of the contents of all files it names; returns it as written.

    Snakemake takes a small input that reads as before for unchanged; so a record must differ when its files do.
    """
    digest = hashlib.sha256()
    for name in files_in(record):
        with open(name, "rb") as file:
            digest.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\0".encode())
    record = {**record, "digest": digest.hexdigest()[:32]}
    write_record(path, record)
    return record


def contents_of(record: Any) -> str:
    """Digest (32 hex digits) of what is in the files that a record names, in its order: the same on every machine that has
    them, whatever their folders are called and however they were compressed."""
    names = [name for name in dict.fromkeys(_texts(record)) if files_in(name)]
    return hashlib.sha256(json.dumps([_content(name) for name in names]).encode()).hexdigest()[:32]


def files_in(record: Any) -> list[str]:
    """Paths of all files that a record names, however deep, in alphabetical order."""
    texts = sorted(set(_texts(record)))
    return [text for text in texts if len(text) < 1000 and Path(text).suffix and Path(text).is_file()]


def read_record(path: Path | str) -> dict[str, Any]:
    """Read a JSON record; ValueError names the file when it is not one."""
    try:
        return json.loads(Path(path).read_text(encoding="utf8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: not a JSON record ({error}); delete it and run the same command again"
        ) from error


def _content(name: str) -> str:
    """SHA-256 of a file; of a compressed one, where it can be read, of what is in it."""
    if name.endswith(".gz"):
        with suppress(OSError, EOFError, zlib.error), gzip.open(name) as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    with open(name, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _texts(value: Any) -> Iterator[str]:
    """All strings in a record, however deep."""
    if isinstance(value, str | Path):
        yield str(value)
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _plain(value: Any) -> Any:
    """Paths, numpy scalars and arrays as plain JSON."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a record cannot hold {type(value).__name__}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
