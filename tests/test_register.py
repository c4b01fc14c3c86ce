"""`regbench register` and `regbench apply`: one field on the native fixed grid, which every tool reads alike."""

import re
from pathlib import Path
from typing import Any

import ants
import itk as _itk
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from skimage.metrics import normalized_mutual_information
from typer.testing import CliRunner

from regbench import __main__ as cli
from regbench.apply import to_fixed, to_moving
from regbench.geometry.fields import read_field
from regbench.geometry.grid import Grid
from regbench.geometry.images import read_volume, write_volume
from regbench.geometry.landmarks import Landmarks, read_landmarks, write_landmarks
from regbench.methods.discovery import discover
from regbench.methods.dmi_fast import DMIFast
from regbench.models.training import train_model
from regbench.plan import METHODS
from regbench.prepared.mask import threshold_mask
from regbench.prepared.side import grid_around, read_scan, write_side
from regbench.problems import MethodFailed
from regbench.study import GridSettings, TaskSettings

itk: Any = _itk
QUICK = ["--set", "levels=[[2, 10, global, 1.5]]", "--threads", "1"]
TURN = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])


def grid(shape, spacing, linear, centre=(4.0, -7.0, 12.0)) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = linear * np.array(spacing)
    affine[:3, 3] = np.array(centre) - affine[:3, :3] @ (np.array(shape) - 1) / 2
    return Grid(shape, affine)


GRIDS = {
    "isotropic": grid((44, 48, 40), (3.0, 3.0, 3.0), np.eye(3)),
    "oblique": grid((44, 48, 40), (3.0, 3.0, 3.0), TURN),
    "thick slices": grid((70, 66, 22), (2.0, 2.0, 6.0), np.diag([-1.0, 1.0, 1.0])),
    "LAS": grid((46, 46, 42), (3.0, 2.8, 3.2), np.diag([1.0, -1.0, 1.0]), (9.0, -12.0, 6.0)),
}


def head(points: np.ndarray, shift: float) -> np.ndarray:
    """A head-like ellipsoid with structures in it, moved by `shift` mm and bent a little: (…) of LPS mm (3, …)."""
    x, y, z = (points - np.array([4.0, -7.0, 12.0]).reshape(3, 1, 1, 1)) / 50
    x = x + shift / 50 + 0.04 * np.sin(3 * y) * (shift != 0)
    inside = np.clip(8 * (1 - x**2 - (y / 1.1) ** 2 - z**2), 0, 1)
    texture = 0.5 + 0.25 * np.sin(7 * x + 1) * np.cos(6 * y) + 0.2 * np.sin(8 * z - x)
    return (900 * inside * texture).astype(np.float32)


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> dict[str, Path]:
    """An unmoved head on each grid, and a moved one on each: files by "fixed NAME" and "moving NAME"."""
    folder, files = tmp_path_factory.mktemp("scans"), {}
    for name, where in GRIDS.items():
        for side, shift in (("fixed", 0.0), ("moving", 5.0)):
            path = folder / f"{side} {name}.nii.gz"  # file names with spaces simply work
            write_volume(path, head(where.points(), shift), where)
            files[f"{side} {name}"] = path
    return files


def run(*words: object) -> str:
    done = CliRunner().invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


MADE = [
    ("isotropic", "isotropic"), ("oblique", "LAS"), ("thick slices", "oblique"), ("LAS", "thick slices"),
]  # fmt: skip
REAL = {
    "between subjects": ("malf/1001_T1w.nii.gz", "malf/1002_T1w.nii.gz"),
    "T1w from thick T2w": (
        "ds000011/sub-01/anat/sub-01_T1w.nii.gz", "ds000011/sub-01/anat/sub-01_inplaneT2.nii.gz",
    ),
    "visits of 3 mm slices": (
        "open_ms_followup/study1_T2W.nii.gz", "open_ms_followup/study2_FLAIR.nii.gz",
    ),
}  # fmt: skip


@pytest.fixture(
    scope="module",
    params=[*MADE, *(pytest.param(name, marks=pytest.mark.shared) for name in REAL)],
    ids=lambda case: case if isinstance(case, str) else " from ".join(case),
)
def registered(request, scans, tmp_path_factory) -> dict[str, Path]:
    if request.param in REAL:
        shared = request.getfixturevalue("shared_data")
        fixed, moving = (shared / name for name in REAL[request.param])
    else:
        fixed, moving = scans[f"fixed {request.param[0]}"], scans[f"moving {request.param[1]}"]
    folder = tmp_path_factory.mktemp("registered")
    field, warped = folder / "field.nii.gz", folder / "warped.nii.gz"
    run("register", fixed, moving, "-o", field, "--warped", warped, "--spacing", 3, *QUICK)
    return {"fixed": fixed, "moving": moving, "field": field, "warped": warped}


def inside(path: Path) -> np.ndarray:
    volume = read_volume(path)
    return ndimage.binary_erosion(threshold_mask(volume.data, volume.grid.spacing), iterations=2)


def assert_same(found: np.ndarray, files: dict[str, Path]) -> None:
    """Within a thousandth of the range, in the head."""
    ours, where = read_volume(files["warped"]).data, inside(files["fixed"])
    assert np.abs(found - ours)[where].max() < 1e-3 * np.ptp(ours)


def test_the_moving_scan_comes_to_lie_on_the_fixed_one(registered):
    fixed, warped = (read_volume(registered[name]).data for name in ("fixed", "warped"))
    images = [sitk.ReadImage(str(registered[name])) for name in ("moving", "fixed")]
    before, where = sitk.GetArrayFromImage(sitk.Resample(*images)).T, inside(registered["fixed"])
    found, begun = (normalized_mutual_information(fixed[where], x[where], bins=32) for x in (warped, before))
    assert found - 1 > 1.1 * (begun - 1)


def test_simpleitk_gives_the_same_image(registered):
    field = sitk.ReadImage(str(registered["field"]), sitk.sitkVectorFloat64)
    fixed, moving = (sitk.ReadImage(str(registered[name]), sitk.sitkFloat32) for name in ("fixed", "moving"))
    warped = sitk.Resample(moving, fixed, sitk.DisplacementFieldTransform(field), sitk.sitkLinear, 0.0)
    assert_same(sitk.GetArrayFromImage(warped).T, registered)


def test_ants_gives_the_same_image(registered):
    fixed, moving = (ants.image_read(str(registered[name])) for name in ("fixed", "moving"))
    warped = ants.apply_transforms(fixed, moving, [str(registered["field"])], interpolator="linear")
    assert_same(warped.numpy(), registered)


def test_transformix_gives_the_same_image(registered, tmp_path):
    moving = itk.imread(str(registered["moving"]), itk.F)
    warped = itk.transformix_filter(moving, transformix(registered["field"]), output_directory=str(tmp_path))
    assert_same(itk.array_from_image(warped).T, registered)


def transformix(field: Path) -> Any:
    """transformix's parameters for a displacement field."""
    where = sitk.ReadImage(str(field))
    parameters = itk.ParameterObject.New()
    words = {
        "Transform": ["DeformationFieldTransform"], "NumberOfParameters": ["0"], "TransformParameters": [],
        "InitialTransformParametersFileName": ["NoInitialTransform"], "HowToCombineTransforms": ["Compose"],
        "DeformationFieldFileName": [str(field)], "DeformationFieldInterpolationOrder": ["1"],
        "FixedImageDimension": ["3"], "MovingImageDimension": ["3"], "FixedInternalImagePixelType": ["float"], "MovingInternalImagePixelType": ["float"],
        "Size": [str(n) for n in where.GetSize()], "Index": ["0"] * 3, "Spacing": [str(s) for s in where.GetSpacing()],
        "Origin": [str(o) for o in where.GetOrigin()], "Direction": [str(d) for d in np.reshape(where.GetDirection(), (3, 3)).T.ravel()],
        "UseDirectionCosines": ["true"], "ResampleInterpolator": ["FinalLinearInterpolator"], "Resampler": ["DefaultResampler"],
        "DefaultPixelValue": ["0"], "ResultImageFormat": ["nii.gz"], "ResultImagePixelType": ["float"], "CompressResultImage": ["true"],
    }  # fmt: skip
    parameters.AddParameterMap(words)
    return parameters


def test_apply_repeats_what_register_wrote(registered, tmp_path):
    run("apply", registered["field"], registered["moving"], "-o", tmp_path / "again.nii.gz")
    again, first = read_volume(tmp_path / "again.nii.gz"), read_volume(registered["warped"])
    assert np.array_equal(again.data, first.data)
    assert again.grid.same_as(first.grid)


def test_labels_stay_whole_and_follow_the_field(registered, tmp_path):
    moving = read_volume(registered["moving"])
    write_volume(
        tmp_path / "labels.nii.gz", np.digitize(moving.data, [100, 400, 600]).astype(np.int16), moving.grid
    )
    run(
        "apply", registered["field"], tmp_path / "labels.nii.gz", "--labels", "-o", tmp_path / "warped.nii.gz"
    )
    field = sitk.ReadImage(str(registered["field"]), sitk.sitkVectorFloat64)
    theirs = sitk.Resample(
        sitk.ReadImage(str(tmp_path / "labels.nii.gz")),
        field,
        sitk.DisplacementFieldTransform(sitk.Image(field)),  # which empties the image it is given
        sitk.sitkNearestNeighbor,
    )
    ours = read_volume(tmp_path / "warped.nii.gz", dtype=np.int32).data
    assert (
        ours == sitk.GetArrayFromImage(theirs).T
    ).mean() > 0.999  # ties on a voxel's border may fall either way
    assert set(np.unique(ours)) == {0, 1, 2, 3}


@pytest.mark.parametrize("degrees", [0, 40, 90])
def test_points_go_to_the_moving_scan_and_back(degrees):
    where = GRIDS["oblique"]
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1.1]])
    points = where.points()
    bend = 4 * np.sin(points[[1, 2, 0]] / 30)
    field = (np.tensordot(matrix, points, 1) + bend - points).astype(np.float32)
    some = where.to_points(np.random.default_rng(0).uniform(8, 30, (3, 200)))
    moved = to_moving(some, field, where)
    assert np.abs(to_fixed(moved, field, where) - some).max() < 2e-3
    image = sitk.GetImageFromArray(
        np.moveaxis(field, 0, -1).transpose(2, 1, 0, 3).astype(float), isVector=True
    )
    image.SetOrigin(where.origin.tolist())
    image.SetSpacing(where.spacing.tolist())
    image.SetDirection(where.direction.ravel().tolist())
    theirs = sitk.DisplacementFieldTransform(image)
    assert np.allclose([theirs.TransformPoint(p.tolist()) for p in some.T], moved.T, atol=1e-3)


def test_landmarks_go_to_the_moving_scan_and_back_in_files(registered, tmp_path):
    grid = read_volume(registered["fixed"]).grid
    middle = grid.to_points(np.array(grid.shape)[:, None] / 2)
    points = Landmarks(middle + np.random.default_rng(1).uniform(-20, 20, (3, 5)), list("abcde"))
    write_landmarks(tmp_path / "fixed.csv", points)
    run("apply", registered["field"], tmp_path / "fixed.csv", "--points", "-o", tmp_path / "moving.fcsv")
    field = sitk.DisplacementFieldTransform(sitk.ReadImage(str(registered["field"]), sitk.sitkVectorFloat64))
    moved = read_landmarks(tmp_path / "moving.fcsv")
    theirs = [field.TransformPoint(point.tolist()) for point in points.points.T]
    assert np.allclose(moved.points.T, theirs, atol=1e-3)
    run(
        "apply",
        registered["field"],
        tmp_path / "moving.fcsv",
        "--points",
        "--inverse",
        "-o",
        tmp_path / "back.csv",
    )
    back = read_landmarks(tmp_path / "back.csv")
    assert back.names == points.names
    assert np.allclose(back.points, points.points, atol=0.01)


def test_landmarks_of_another_place_are_refused(registered, tmp_path):
    write_landmarks(tmp_path / "far.csv", Landmarks(np.full((3, 1), 900.0), ["tip"]))
    with pytest.raises(ValueError, match=r"far\.csv: outside the field's grid.*tip"):
        run("apply", registered["field"], tmp_path / "far.csv", "--points", "-o", tmp_path / "out.csv")


@pytest.fixture(scope="module")
def model(scans, tmp_path_factory) -> Path:
    """DMI-fast trained for a moment at 4 mm, on images as a study prepares them."""
    folder = tmp_path_factory.mktemp("model")
    task = TaskSettings(dataset="none", table=1, grid=GridSettings(spacing=(4, 4, 4), shape=(40, 40, 40)))
    sides, where = {}, None
    for side, name in (("fixed", "fixed isotropic"), ("moving", "moving isotropic")):
        scan = read_scan({"subject": side, "images": {"T1w": str(scans[name])}}, "T1w", task.prepare)
        where = where or grid_around(scan.volume, task.grid)
        who = {"subject": side, "contrast": "T1w"}
        sides[side] = write_side(scan, where, np.eye(4), folder / side, None, who)
    pair = {"pair": "fixed__moving", "status": "ok", **sides}
    options = discover([METHODS])["dmi_fast"].options | {"steps": 40, "epochs": None, "learning_rate": 2e-3}
    training = train_model(
        DMIFast(**options), [pair], [pair], folder=folder, seed=0, threads=1, device="cpu", limit_seconds=600
    )
    assert training["status"] == "ok", training
    return folder / "model.pt"


def test_a_trained_network_works_on_the_grid_that_its_model_names(model, scans, tmp_path):
    fixed, moving, field = scans["fixed oblique"], scans["moving LAS"], tmp_path / "field.nii.gz"
    learned = ["--method", "dmi_fast", "--model", model, "--no-affine", "--threads", 1]
    said = run("register", fixed, moving, "-o", field, *learned)
    assert "after DMI-fast" in said
    _, where = read_field(field)
    assert where.same_as(read_volume(fixed).grid)
    before, after = (float(word) for word in re.findall(r"([\d.]+)(?: nat)? after", said))
    assert after > before  # the shift that it was trained on


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--method", "dmi_fast", "--spacing", "2"],
            "works at 4 x 4 x 4 mm, as it was trained; leave it out",
        ),
        (
            ["--method", "dmi"],
            r"a model of regbench.methods.dmi_fast:DMIFast, method dmi runs with those of regbench.methods.dmi:DMI",
        ),
    ],
)
def test_a_model_that_does_not_fit_is_refused(model, scans, tmp_path, words, message):
    fixed, moving = scans["fixed isotropic"], scans["moving isotropic"]
    with pytest.raises((ValueError, MethodFailed), match=message):
        run("register", fixed, moving, "-o", tmp_path / "field.nii.gz", "--model", model, *words)


def test_a_head_larger_than_the_model_sees_is_refused_with_both_sizes(model, tmp_path):
    large = grid((60, 60, 60), (4.0, 4.0, 4.0), np.eye(3))
    write_volume(tmp_path / "large.nii.gz", head(large.points() * 0.6, 0.0), large)
    with pytest.raises(ValueError, match=r"large\.nii\.gz: its foreground takes .* sees 160 x 160 x 160 mm"):
        run("register", *[tmp_path / "large.nii.gz"] * 2, "-o", tmp_path / "f.nii.gz", "--method", "dmi_fast", "--model", model)  # fmt: skip


def test_a_point_without_an_inverse_is_nan():
    where = GRIDS["isotropic"]
    folded = np.zeros((3, *where.shape), np.float32)
    folded[0] = -where.points()[0]  # all points have one x
    assert np.isnan(to_fixed(np.array([[50.0], [0.0], [0.0]]), folded, where)).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "dmi_ioo"], r"no method 'dmi_ioo'.*dmi_io"),
        (["--set", "stepp=3"], r"dmi_io:DMIInstance: does not take the options .*'stepp'"),
        (["--set", "step"], r"--set step: expected NAME=VALUE"),
        (["--set", "levels=[1"], r"--set levels=\[1: the value is not YAML"),
        (["--set", "step=fast"], r"--set step=fast: expected a number"),
        (["--method", "syn", "--device", "cuda"], r"--device cuda: method syn runs on cpu"),
        (["--warped", "FIELD"], r"field.nii.gz: named twice"),
        (["--warped", "FIXED"], r"fixed isotropic.nii.gz: named twice"),
        (["--method", "dmi_fast"], r"dmi_fast needs a trained model: give --model"),
        (["--model", "x.pt"], r"x.pt: method dmi_io does not run with a model"),
        (["--labels", "x.nii.gz"], r"--labels and --warped-labels go together"),
        (["--device", "gpu"], r"--device gpu: expected cpu, cuda or cuda:N"),
        (["--warped", "/nowhere/w.nii.gz"], r"no such folder: /nowhere"),
        (["--warped", "w.png"], r"w.png: expected a name that ends in"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_before_any_work(scans, tmp_path, words, message):
    fixed, moving = scans["fixed isotropic"], scans["moving isotropic"]
    names = {"FIELD": tmp_path / "field.nii.gz", "FIXED": fixed}
    with pytest.raises(ValueError, match=message):
        run("register", fixed, moving, "-o", names["FIELD"], *(names.get(word, word) for word in words))
    assert not names["FIELD"].exists()
