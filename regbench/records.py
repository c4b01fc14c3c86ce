"""Small files that stages hand to one another: JSON records, written whole or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path` atomically: a reader sees the old file or the new one, never half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def write_record(path: Path | str, record: dict[str, Any]) -> None:
    """Write a JSON record atomically. NaN is refused: a record is read by tools that are strict about JSON."""
    write_text(path, json.dumps(record, indent=1, allow_nan=False, default=_plain) + "\n")


def read_record(path: Path | str) -> dict[str, Any]:
    """Read a JSON record; ValueError names the file when it is not one."""
    try:
        return json.loads(Path(path).read_text(encoding="utf8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: not a JSON record ({error}); delete it and run the same command again"
        ) from error


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
