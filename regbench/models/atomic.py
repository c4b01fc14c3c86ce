"""Tensors on disk, written whole or not at all."""

import io
from pathlib import Path
from typing import Any

import torch

from regbench.records import write_bytes


def save_tensors(path: Path, content: dict[str, Any]) -> None:
    """torch.save of tensors and plain values; a reader, or a kill, sees the old file or the new one."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())
