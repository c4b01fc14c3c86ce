"""Figures as they are put into a page: text that holds the whole file, in as many bytes as there is room for."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from regbench.records import read_record

WIDTHS = (2400, 1600, 1200, 900, 600, 400)  # of pictures in pixels, tried in this order


@dataclass(frozen=True)
class Picture:
    """One figure; `source` is a data address."""

    name: str
    title: str
    caption: str
    section: str
    task: str
    source: str


def read_pictures(folder: Path, room: int) -> tuple[list[Picture], str]:
    """The figures of figures.json in reading order, and a note where they had to be made smaller; none without that file.

    A figure is its SVG, which is sharp at any size, unless that takes more than twice the PNG's bytes. Where all together take more
    than `room` bytes, all are PNG, in the largest of WIDTHS that fits (or the last).
    """
    if not (folder / "figures.json").is_file():
        return [], ""
    listed: Any = read_record(folder / "figures.json")
    pictures = [_picture(folder, entry, None) for entry in listed]
    if _size(pictures) <= room:
        return pictures, ""
    width = 0
    for width in WIDTHS:
        pictures = [_picture(folder, entry, width) for entry in listed]
        if _size(pictures) <= room:
            break
    return pictures, f"Made at most {width} pixels wide to fit this page; the folder figures has them whole."


def _picture(folder: Path, entry: dict[str, Any], width: int | None) -> Picture:
    names = {key: entry.get(key) or "" for key in ("name", "title", "caption", "section", "task")}
    png, svg = (folder / entry[kind] for kind in ("png", "svg"))
    if width:
        return Picture(**names, source=_address("image/png", _narrowed(png, width)))
    vector = svg.is_file() and svg.stat().st_size <= 2 * png.stat().st_size
    return Picture(
        **names,
        source=_address(
            *(("image/svg+xml", svg.read_bytes()) if vector else ("image/png", png.read_bytes()))
        ),
    )


def _narrowed(path: Path, width: int) -> bytes:
    with Image.open(path) as image:
        image.thumbnail((width, 100 * width))
        out = io.BytesIO()
        image.save(out, "PNG", optimize=True)
    return min(out.getvalue(), path.read_bytes(), key=len)


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _size(pictures: list[Picture]) -> int:
    return sum(len(picture.source) for picture in pictures)
