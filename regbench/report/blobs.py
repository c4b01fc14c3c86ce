"""Arrays as text in a page: gzip, which browsers can undo by themselves, in base64."""

import base64
import gzip
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Blob:
    """An array in C order, little-endian; `text` is what the page holds."""

    kind: str  # uint8, uint16 or int16, as numpy and JavaScript's arrays call them
    shape: tuple[int, ...]
    text: str

    @property
    def head(self) -> dict[str, Any]:
        """What the page's script needs to read it."""
        return {"kind": self.kind, "shape": list(self.shape)}


def blob(values: np.ndarray) -> Blob:
    """An integer array, packed."""
    content = gzip.compress(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes(), mtime=0)
    return Blob(values.dtype.name, values.shape, base64.b64encode(content).decode("ascii"))


def grey(image: np.ndarray) -> np.ndarray:
    """An image (D, H, W) in [0, 1] as uint8."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def whole(labels: np.ndarray) -> np.ndarray:
    """Labels (D, H, W) as uint8, or as uint16 where that does not hold them; a number beyond keeps its last 16 bits."""
    top = int(labels.max(initial=0))
    return labels.astype(np.uint8 if 0 <= top < 256 and labels.min(initial=0) >= 0 else np.uint16)
