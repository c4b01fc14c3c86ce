"""Landmark files in every form, into LPS mm; what cannot be known is refused with the file's name."""

import json

import numpy as np
import pytest

from regbench.geometry.landmarks import Landmarks, check_inside, matched, read_landmarks, write_landmarks
from regbench.geometry.simpleitk import as_simpleitk
from tests.geometry.oracles import GRIDS, points_within

LPS = [[10.0, 20.0, 30.0], [-1.5, 2.25, -3.0]]
SLICER_3 = (
    "# Fiducial List file /a=b/F.fcsv\n# version = 2\n# numPoints = 2\n# columns = label,x,y,z,sel,vis\n"
)
SLICER_4 = "# Markups fiducial file version = 4.11\n# CoordinateSystem = {}\n# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
JSON = {
    "markups": [
        {
            "type": "Fiducial",
            "coordinateSystem": "RAS",
            "coordinateUnits": ["mm", "UCUM", "millimeter"],
            "controlPoints": [
                {"label": "a", "position": [-10, -20, 30]},
                {"label": "later", "positionStatus": "undefined"},
                {"label": "b, left", "position": [1.5, -2.25, -3], "positionStatus": "defined"},
            ],
        }
    ]
}
FILES = {
    "lps.csv": '# coordinates: LPS\nname,x,y,z\na,10,20,30\n\n"b, left",-1.5,2.25,-3\n',
    "ras.csv": '\ufeff#Coordinates = ras\nz, y, x, note, Name\n30,-20,-10,,a\n-3,-2.25,1.5e0,x,"b, left"\n',
    "column.csv": 'name,coordinates,x,y,z\na,LPS,10,20,30\n"b, left",LPS,-1.5,2.25,-3\n',
    "slicer 4.10.fcsv": SLICER_4.format(0)
    + 'vtkMRMLMarkupsFiducialNode_0,-10,-20,30,0,0,0,1,1,1,0,a,,\nn_1,1.5,-2.25,-3,0,0,0,1,1,1,0,"b, left",,\n',
    "slicer 5.fcsv": SLICER_4.format("LPS")
    + '1,10,20,30,0,0,0,1,1,1,0,a,,,2,0\n2,-1.5,2.25,-3,0,0,0,1,1,1,0,"b, left",,,2,0\n',
    "old lps.fcsv": SLICER_4.format(1)
    + '1,10,20,30,0,0,0,1,1,1,0,a,,\n2,-1.5,2.25,-3,0,0,0,1,1,1,0,"b, left",,\n',
    "slicer 3.fcsv": SLICER_3 + 'a,-10,-20,30,1,1\n"b, left",1.5,-2.25,-3,1,1\n',
    "list.mrk.json": json.dumps(JSON),
}


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf8")
    return path


@pytest.mark.parametrize("name", FILES)
def test_every_form_of_file_is_brought_to_lps(tmp_path, name):
    found = read_landmarks(write(tmp_path, name, FILES[name]))
    assert found.names == ["a", "b, left"]
    assert found.points.T.tolist() == LPS


@pytest.mark.parametrize("name", GRIDS)
def test_voxels_are_indices_of_the_images_array_as_in_simpleitk(tmp_path, name):
    grid = GRIDS[name]
    index = [[0.0, 0, 0], [3, 7, 2], [5.5, 1.25, 9]]
    rows = "\n".join(",".join(map(str, point)) for point in index)
    path = write(tmp_path, "voxels.csv", f"# coordinates: voxel\nx,y,z\n{rows}\n")
    image = as_simpleitk(np.zeros(grid.shape, np.float32), grid)
    expected = [image.TransformContinuousIndexToPhysicalPoint(point) for point in index]
    found = read_landmarks(path, grid)
    assert found.names is None
    assert np.allclose(found.points.T, expected, atol=1e-4)
    with pytest.raises(ValueError, match="need the image they lie in"):
        read_landmarks(path)


@pytest.mark.parametrize("kind", ["csv", "fcsv", "mrk.json"])
def test_what_is_written_is_read_back(tmp_path, kind):
    points = points_within(GRIDS["oblique, flipped"], 7)
    names = ["a", 'say "b"', "c, d", "é", "5", "6", "7"]
    write_landmarks(tmp_path / f"out.{kind}", Landmarks(points, names))
    found = read_landmarks(tmp_path / f"out.{kind}")
    assert found.names == names
    assert np.allclose(found.points, points, atol=1e-6)
    write_landmarks(tmp_path / f"out.{kind}", Landmarks(points))
    assert read_landmarks(tmp_path / f"out.{kind}").names == list("1234567")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("p.csv", "name,x,y,z\na,1,2,3\n", "coordinates stated as nothing; expected a line `# coordinates: LPS`"),
        ("p.csv", "# coordinates: MNI\nx,y,z\n1,2,3\n", "stated as mni"),
        ("p.csv", "# coordinates: LPS\nx,y,z,coordinates\n1,2,3,RAS\n", "stated as lps, ras"),
        ("p.csv", "# coordinates: LPS\n1,2,3\n4,5,6\n", r"no column x, y, z \(found 1, 2, 3\)"),
        ("p.csv", "", "no column x, y, z"),
        ("p.csv", "# coordinates: LPS\nx,y,z\n", "there is no landmark"),
        ("p.csv", "# coordinates: LPS\nx,y,z\n1,2,3\n1,2\n", "line 4: 2 cells, expected 3"),
        ("p.csv", "# coordinates: LPS\nx,y,z\n1,2,3\n1,two,3\n", "line 4: y is 'two', expected a number"),
        ("p.csv", "# coordinates: LPS\nx,y,z\n1,nan,3\n", "line 3: y is 'nan'"),
        ("p.csv", "# coordinates: LPS\nname,x,y,z\na,1,2,3\n,4,5,6\n", "number 2 has no name"),
        ("p.csv", "# coordinates: LPS\nname,x,y,z\na,1,2,3\na,4,5,6\n", "the name a is there twice"),
        ("p.fcsv", SLICER_4.format(2) + "1,1,2,3\n", "coordinate system 2; expected"),
        ("p.fcsv", "# Markups fiducial file version = 4.3\n1,1,2,3\n", "not stated; expected a line"),
        ("p.fcsv", SLICER_4.format(0) + "1,1,2\n", "line 4: z is None"),
        ("p.mrk.json", '{"markups": []}', "not one list of control points"),
        ("p.mrk.json", "[", "not one list of control points"),
        ("p.mrk.json", json.dumps(JSON).replace('"mm"', '"cm"'), "expected LPS or RAS in mm"),
        ("p.txt", "1 2 3", "expected landmarks as .csv"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_refused_by_file_and_line(tmp_path, name, text, expected):
    with pytest.raises(ValueError, match=expected) as caught:
        read_landmarks(write(tmp_path, name, text))
    assert str(tmp_path / name) in str(caught.value)


def test_bytes_that_are_no_text_and_absent_files_are_named(tmp_path):
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"p\.csv: not text"):
        read_landmarks(tmp_path / "p.csv")
    with pytest.raises(FileNotFoundError, match=r"lost\.csv"):
        read_landmarks(tmp_path / "lost.csv")


@pytest.mark.parametrize("name", GRIDS)
def test_landmarks_outside_the_grid_are_those_simpleitk_finds_outside_the_image(name):
    grid = GRIDS[name]
    index = np.random.default_rng(0).uniform(-2, 28, size=(3, 300))
    image = as_simpleitk(np.zeros(grid.shape, np.uint8), grid)
    for n, point in enumerate(grid.to_points(index).T):
        one = Landmarks(point[:, None], [f"mark {n}"])
        sampler = image.TransformPhysicalPointToContinuousIndex(point.tolist())
        inside = all(-0.5 <= i <= size - 0.5 for i, size in zip(sampler, image.GetSize(), strict=True))
        if inside:
            check_inside(one, grid, "outside")
        else:
            with pytest.raises(ValueError, match=rf"outside \(LPS mm\): mark {n} \("):
                check_inside(one, grid, "outside")


def test_matching_is_by_name_in_any_order_else_one_by_one():
    points = np.arange(9.0).reshape(3, 3)
    a, b = Landmarks(points, ["p", "q", "r"]), Landmarks(points, ["r", "x", "q"])
    first, second = matched(a, b)
    assert first.names == second.names == ["q", "r"]
    assert first.points[0].tolist() == [1, 2]
    assert second.points[0].tolist() == [2, 0]
    bare = Landmarks(points)
    assert [found.points.tolist() for found in matched(bare, bare)] == [points.tolist()] * 2
    for other in (Landmarks(points[:, :2]), Landmarks(points, ["x", "y", "z"]), a):
        with pytest.raises(ValueError, match="landmarks do not match"):
            matched(bare if other is not a else a, other if other is not a else bare)
