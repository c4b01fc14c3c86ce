"""Tensors on disk, written whole or not at all."""

import os
import tempfile
from pathlib import Path
from typing import Any

import torch


def save_tensors(path: Path, content: dict[str, Any]) -> None:
    """torch.save of tensors and plain values; a reader, or a kill, sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
