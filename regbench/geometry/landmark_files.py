"""Files of points as they are written: CSV tables and the point lists of 3D Slicer (.fcsv, .mrk.json)."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

SYSTEMS = {"lps": "LPS", "ras": "RAS", "voxel": "voxel"}
SLICER_SYSTEMS = {"0": "RAS", "ras": "RAS", "1": "LPS", "lps": "LPS"}  # numbers until Slicer 4.10
SLICER_COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
SLICER_3 = "Fiducial List file"  # its lists are in RAS and do not say so
SCHEMA = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#"
Row = tuple[str, dict[str, Any]]  # where in the file, and the cells by column


class Points(NamedTuple):
    """`values` (N, 3) in `system` (LPS or RAS mm, or voxel); `names` are empty where the file has none."""

    system: str
    names: list[str]
    values: list[list[float]]


def read_points(path: Path) -> Points:
    """Points of a .csv, .fcsv or .mrk.json file.

    Raises FileNotFoundError, or ValueError that names the file and the line: another kind of file, no coordinate system
    stated, a column missing, a cell that is no number.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not text in UTF-8 ({error}); export the points as CSV") from error
    kind = kind_of(path)
    if kind == ".mrk.json":
        system, column, rows = _json(path, text)
    else:
        system, column, rows = (_fcsv if kind == ".fcsv" else _csv)(path, *_lines(text))
    names = [str(row.get(column) or "").strip() for _, row in rows]
    return Points(system, names, [[_number(path, row, axis) for axis in "xyz"] for row in rows])


def kind_of(path: Path) -> str:
    """`.csv`, `.fcsv` or `.mrk.json`; ValueError on another name."""
    for kind in (".fcsv", ".csv", ".mrk.json"):
        if path.name.lower().endswith(kind):
            return kind
    raise ValueError(f"{path}: expected landmarks as .csv, or of 3D Slicer as .fcsv or .mrk.json")


def points_text(kind: str, names: list[str], points: list[list[float]]) -> str:
    """The text of a file of that kind; points (N, 3) LPS mm."""
    if kind == ".mrk.json":
        controls = [{"label": name, "position": point} for name, point in zip(names, points, strict=True)]
        markup = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm"}
        return json.dumps({"@schema": SCHEMA, "markups": [markup | {"controlPoints": controls}]}, indent=1)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = zip(names, ([f"{value:.6f}" for value in point] for point in points), strict=True)
    if kind == ".fcsv":  # 1, not LPS: before 4.11 Slicer takes any word for RAS
        text.write("# Markups fiducial file version = 4.11\n# CoordinateSystem = 1\n")
        text.write(f"# columns = {SLICER_COLUMNS}\n")
        writer.writerows(
            [at, *xyz, 0, 0, 0, 1, 1, 1, 0, name, "", ""] for at, (name, xyz) in enumerate(rows, 1)
        )
        return text.getvalue()
    text.write("# coordinates: LPS\nname,x,y,z\n")
    writer.writerows([name, *xyz] for name, xyz in rows)
    return text.getvalue()


def _lines(text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Comments without their mark, and (line, cells) of the other lines that are not empty."""
    reader = csv.reader(io.StringIO(text))
    rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    comments = [",".join(cells).lstrip("# ") for _, cells in rows if cells and cells[0].startswith("#")]
    return comments, [(n, cells) for n, cells in rows if any(cells) and not cells[0].startswith("#")]


def _csv(path: Path, comments: list[str], lines: list[tuple[int, list[str]]]) -> tuple[str, str, list[Row]]:
    columns = [cell.lower() for cell in lines[0][1]] if lines else []
    if missing := [axis for axis in "xyz" if axis not in columns]:
        raise ValueError(
            f"{path}: no column {', '.join(missing)} (found {', '.join(columns) or 'none'}); expected a header "
            "name,x,y,z, of which name may be left out"
        )
    for number, cells in lines[1:]:
        if len(cells) != len(columns):
            raise ValueError(f"{path}, line {number}: {len(cells)} cells, expected {len(columns)}")
    rows = _rows(columns, lines[1:])
    stated = {row["coordinates"].lower() for _, row in rows if "coordinates" in row}
    stated |= {said.lower()} if (said := _said(comments, "coordinates")) else set()
    if len(stated) != 1 or not stated <= SYSTEMS.keys():
        raise ValueError(
            f"{path}: coordinates stated as {', '.join(sorted(stated)) or 'nothing'}; expected a line "
            "`# coordinates: LPS` (or RAS, or voxel: indices from 0), or a column `coordinates` that says one of them"
        )
    return SYSTEMS[stated.pop()], "name", rows


def _fcsv(path: Path, comments: list[str], lines: list[tuple[int, list[str]]]) -> tuple[str, str, list[Row]]:
    said = _said(comments, "CoordinateSystem")
    if said is None and any(comment.startswith(SLICER_3) for comment in comments):
        said = "RAS"
    if (said or "").lower() not in SLICER_SYSTEMS:
        raise ValueError(
            f"{path}: coordinate system {said or 'not stated'}; expected a line `# CoordinateSystem = LPS` (or RAS, 0 "
            "for RAS, 1 for LPS); save the points again with 3D Slicer"
        )
    columns = (_said(comments, "columns") or SLICER_COLUMNS).split(",")
    return SLICER_SYSTEMS[(said or "").lower()], "label", _rows(columns, lines)


def _json(path: Path, text: str) -> tuple[str, str, list[Row]]:
    try:
        (markup,) = json.loads(text)["markups"]
        units, system = markup.get("coordinateUnits", "mm"), markup.get("coordinateSystem", "LPS")
        rows = [
            (f"control point {at}", {"label": point.get("label"), **dict(zip("xyz", point["position"], strict=True))})
            for at, point in enumerate(markup["controlPoints"], 1)
            if point.get("positionStatus", "defined") == "defined"
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: not one list of control points of 3D Slicer ({type(error).__name__}: {error})"
        ) from error
    if str(system).lower() not in SLICER_SYSTEMS or (units if isinstance(units, str) else units[0]) != "mm":
        raise ValueError(f"{path}: coordinates in {system}, {units}; expected LPS or RAS in mm")
    return SLICER_SYSTEMS[str(system).lower()], "label", rows


def _rows(columns: list[str], lines: list[tuple[int, list[str]]]) -> list[Row]:
    return [(f"line {number}", dict(zip(columns, cells, strict=False))) for number, cells in lines]


def _said(comments: list[str], key: str) -> str | None:
    """The value of a comment `key: value` or `key = value`."""
    for comment in comments:
        name, _, value = comment.replace("=", ":", 1).partition(":")
        if name.strip().lower() == key.lower():
            return value.strip()
    return None


def _number(path: Path, row: Row, axis: str) -> float:
    where, cells = row
    try:
        value = float(cells[axis])
    except (KeyError, TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{path}, {where}: {axis} is {cells.get(axis)!r}, expected a number")
    return value
