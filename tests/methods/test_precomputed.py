"""Fields of any tool, in any form, on any grid, become the same displacement on the prepared fixed grid."""

import ants
import itk
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from regbench.geometry.fields import displace, mm_to_voxels, write_field
from regbench.geometry.grid import LPS_RAS, Grid, apply_affine, centred_grid
from regbench.geometry.images import Volume, read_volume, write_volume
from regbench.geometry.sampling import sample_volume
from regbench.methods.contract import Context, load_method
from tests.geometry.oracles import GRIDS, grid_from, smooth_field
from tests.methods import blobs

MATRIX = np.array(
    [[1.04, 0.03, -0.02, 2.0], [-0.05, 0.97, 0.04, -1.0], [0.02, -0.01, 1.02, 3.0], [0, 0, 0, 1.0]]
)
OTHER = np.array(
    [[0.98, -0.06, 0.02, -3.0], [0.05, 1.03, 0.01, 2.0], [0.01, 0.02, 0.95, 1.0], [0, 0, 0, 1.0]]
)


def side(folder, name: str, grid: Grid, to_original=None, native: Grid | None = None) -> dict:
    """A SIDE record with only what a method reads; empty images on the prepared grid and on the scan's own."""
    made = {
        "subject": name,
        "contrast": "T1w",
        "to_original": (np.eye(4) if to_original is None else to_original),
    }
    for kind, where in (("image", grid), ("original", native or grid)):
        made[kind] = str(folder / f"{name}_{kind}.nii.gz")
        write_volume(made[kind], np.zeros(where.shape, np.float32), where)
    return made


def register(pair: dict, grid: Grid, **options) -> np.ndarray:
    method = load_method("regbench.methods.precomputed:Precomputed", options)
    method.setup(Context(threads=1, device="cpu", seed=0))
    method.for_pair(pair)
    image = Volume(np.zeros(grid.shape, np.float32), grid)
    return method.register(image, image)


def pair_of(folder, grid: Grid, fixed: Grid | None = None, moving: Grid | None = None) -> dict:
    """A pair prepared on `grid`, of scans on grids of their own whose affines are MATRIX and OTHER, if given."""
    sides = {
        "fixed": side(folder, "A", grid, MATRIX if fixed else None, fixed),
        "moving": side(folder, "B", grid, OTHER if moving else None, moving),
    }
    return {"pair": "A__B", "task": "mono", **sides}


def itk_field(u: np.ndarray, grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(u.T.astype(float)), isVector=True)
    image.SetOrigin(grid.origin.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image


def write_nifti(path, u, grid):
    write_field(path, u, grid)


def write_ras_nifti(path, u, grid):
    vectors = np.moveaxis(u * np.reshape([-1, -1, 1], (3, 1, 1, 1)), 0, -1)[:, :, :, None].astype(np.float32)
    image = nib.Nifti1Image(vectors, LPS_RAS @ grid.affine)
    image.header["intent_code"] = 1006
    nib.save(image, path)


def write_image(path, u, grid):
    sitk.WriteImage(itk_field(u, grid), str(path))


def write_transform(path, u, grid):
    sitk.WriteTransform(sitk.DisplacementFieldTransform(itk_field(u, grid)), str(path))


FORMS = {
    "1007.nii.gz": write_nifti,
    "1006.nii": write_ras_nifti,
    "f.mha": write_image,
    "f.nrrd": write_image,
    "f.h5": write_transform,
    "f.tfm": write_transform,
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("form", FORMS)
def test_the_same_displacement_in_every_form_is_the_same_field(form, name, tmp_path):
    grid = GRIDS[name]
    u = smooth_field(grid)
    FORMS[form](tmp_path / f"A_B_{form}", u, grid)
    found = register(pair_of(tmp_path, grid), grid, fields=str(tmp_path / f"{{fixed}}_{{moving}}_{form}"))
    assert found.dtype == np.float32
    assert np.abs(found - u).max() < 1e-3


@pytest.mark.parametrize("form", ["nii.gz", "npz"])
@pytest.mark.parametrize("name", GRIDS)
def test_learn2reg_displacements_are_voxels(name, form, tmp_path):
    grid = GRIDS[name]
    u = smooth_field(grid)
    voxels = mm_to_voxels(u, grid)
    if form == "npz":
        np.savez(tmp_path / "disp_A_B.npz", voxels)
    else:
        nib.save(nib.Nifti1Image(np.moveaxis(voxels, 0, -1), np.eye(4)), tmp_path / "disp_A_B.nii.gz")
    fields = str(tmp_path / f"disp_{{fixed}}_{{moving}}.{form}")
    found = register(pair_of(tmp_path, grid), grid, fields=fields, layout="learn2reg")
    assert np.abs(found - u).max() < 1e-3


def test_learn2reg_s_half_resolution_holds_voxels_of_the_whole_grid(tmp_path):
    grid = GRIDS["oblique, flipped"]
    half = [np.linspace(0, n - 1, n // 2) for n in grid.shape]  # the corners of both grids meet
    i, j, k = np.meshgrid(*half, indexing="ij")
    np.savez(tmp_path / "A_B.npz", np.stack([0.1 * i, -0.05 * j, 0.02 * k + 1]).astype(np.float16))
    fields = str(tmp_path / "{fixed}_{moving}.npz")
    found = mm_to_voxels(register(pair_of(tmp_path, grid), grid, fields=fields, layout="learn2reg"), grid)
    i, j, k = np.indices(grid.shape)
    gap = np.abs(found - np.stack([0.1 * i, -0.05 * j, 0.02 * k + 1]))
    assert gap[:, 6:-6, 6:-6, 6:-6].max() < 5e-3  # float16; the challenge's spline bends at the border


def test_learn2reg_fields_of_original_scans_lead_from_array_to_array(tmp_path):
    grid, native, other = GRIDS["LPS"], GRIDS["oblique, anisotropic"], GRIDS["oblique, flipped"]
    voxels = np.broadcast_to(np.reshape([1.5, -2, 0.5], (3, 1, 1, 1)), (3, *native.shape)).astype(np.float32)
    np.savez(tmp_path / "A_B.npz", voxels)
    pair = pair_of(tmp_path, grid, native, other)
    fields = str(tmp_path / "{fixed}_{moving}.npz")
    found = register(pair, grid, fields=fields, layout="learn2reg", space="native")
    index = native.to_index(apply_affine(MATRIX, grid.points()))
    expected = apply_affine(
        np.linalg.inv(OTHER), other.to_points(index + np.reshape([1.5, -2, 0.5], (3, 1, 1, 1)))
    )
    assert np.abs(grid.points() + found - expected).max() < 1e-2


def test_a_field_of_original_scans_is_brought_to_the_prepared_ones(tmp_path):
    grid, native = GRIDS["LPS"], GRIDS["oblique, flipped"]
    u = smooth_field(native)
    write_image(tmp_path / "A_B_mono_T1w.nrrd", u, native)
    pair = pair_of(tmp_path, grid, native, native)
    fields = str(tmp_path / "{fixed}_{moving}_{task}_{moving_contrast}.nrrd")
    found = register(pair, grid, fields=fields, space="native")
    back = sitk.AffineTransform(OTHER[:3, :3].ravel().tolist(), OTHER[:3, 3].tolist()).GetInverse()
    there = sitk.AffineTransform(MATRIX[:3, :3].ravel().tolist(), MATRIX[:3, 3].tolist())
    itks = sitk.CompositeTransform([back, sitk.DisplacementFieldTransform(itk_field(u, native)), there])
    index = native.to_index(apply_affine(MATRIX, grid.points()))
    inside = ((index > 0) & (index < np.reshape(native.shape, (3, 1, 1, 1)) - 1)).all(axis=0)
    points = grid.points()[:, inside]
    expected = np.transpose([itks.TransformPoint(point) for point in points.T.tolist()])
    assert inside.sum() > 500
    assert np.abs(points + found[:, inside] - expected).max() < 1e-3


def test_a_composite_file_is_applied_in_its_own_order(tmp_path):
    grid = GRIDS["RAS"]
    linear = sitk.AffineTransform(OTHER[:3, :3].ravel().tolist(), OTHER[:3, 3].tolist())
    spline = sitk.BSplineTransformInitializer(sitk.Image(10, 10, 10, sitk.sitkUInt8), [3, 3, 3])
    spline.SetParameters(np.random.default_rng(0).normal(size=len(spline.GetParameters())).tolist())
    whole = sitk.CompositeTransform(
        [linear, sitk.DisplacementFieldTransform(itk_field(smooth_field(grid), grid))]
    )
    whole.AddTransform(spline)
    sitk.WriteTransform(whole, str(tmp_path / "A_B.h5"))
    found = register(pair_of(tmp_path, grid), grid, fields=str(tmp_path / "{fixed}_{moving}.h5"))
    points = grid.points().reshape(3, -1)[:, ::37]
    expected = np.transpose([whole.TransformPoint(point) for point in points.T.tolist()])
    assert np.abs(points + found.reshape(3, -1)[:, ::37] - expected).max() < 1e-3


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> tuple:
    """Two raw scans of different grids, and a prepared grid within both."""
    folder = tmp_path_factory.mktemp("scans")
    fixed, moving = blobs.grids()["oblique"], blobs.grids()["anisotropic"]
    write_volume(folder / "fixed.nii.gz", blobs.scene(fixed.points()), fixed)
    moved = apply_affine(np.linalg.inv(OTHER), moving.points())
    write_volume(folder / "moving.nii.gz", blobs.scene(moved + blobs.smooth_warp(moved)), moving)
    return folder, fixed, moving


def warped_by(found: np.ndarray, grid: Grid, folder, matrices=(MATRIX, OTHER)) -> np.ndarray:
    """The original moving image where a prepared field leads, as a score samples it."""
    moving = read_volume(folder / "moving.nii.gz")
    points = apply_affine(matrices[1], grid.points() + found)
    return sample_volume(moving.data, moving.grid, points, order=1)


def test_warp_and_affine_of_ants_on_raw_scans_give_the_image_that_ants_gives(scans, tmp_path):
    folder, fixed, moving = scans
    images = [ants.image_read(str(folder / f"{name}.nii.gz")) for name in ("fixed", "moving")]
    made = ants.registration(
        *images,
        "SyN",
        reg_iterations=(10, 5),
        aff_iterations=(50, 20, 0, 0),
        outprefix=str(tmp_path / "A_B_"),
    )
    assert [name.rpartition("_")[2] for name in made["fwdtransforms"]] == [
        "1Warp.nii.gz",
        "0GenericAffine.mat",
    ]
    grid = centred_grid(
        (20, 22, 20), (2.0, 2.0, 2.0), apply_affine(np.linalg.inv(MATRIX), np.array([4.0, -7, 11]))
    )
    pair = pair_of(tmp_path, grid, fixed, moving)
    patterns = [
        str(tmp_path / f"{{fixed}}_{{moving}}_{end}") for end in ("1Warp.nii.gz", "0GenericAffine.mat")
    ]
    found = apply_affine(OTHER, grid.points() + register(pair, grid, fields=patterns, space="native"))
    starts = pd.DataFrame(apply_affine(MATRIX, grid.points()).reshape(3, -1).T, columns=["x", "y", "z"])
    expected = ants.apply_transforms_to_points(3, starts, made["fwdtransforms"])[["x", "y", "z"]].to_numpy()
    assert np.linalg.norm(expected - starts, axis=1).mean() > 2
    assert np.abs(found.reshape(3, -1).T - expected).max() < 1e-3

    by_ants = ants.apply_transforms(*images, made["fwdtransforms"], interpolator="linear")
    same = register(pair_of(tmp_path, fixed), fixed, fields=patterns)
    assert np.abs(warped_by(same, fixed, folder, (np.eye(4), np.eye(4))) - by_ants.numpy()).max() < 2e-3


@pytest.mark.parametrize("moved_away", [False, True])
def test_elastix_files_with_those_they_begin_with_give_transformix_s_image(scans, tmp_path, moved_away):
    folder, fixed, _ = scans
    parameters = itk.ParameterObject.New()
    for kind in ("affine", "bspline"):
        settings = parameters.GetDefaultParameterMap(kind, 2)
        settings["MaximumNumberOfIterations"] = ("20",)
        settings["FinalGridSpacingInPhysicalUnits"] = ("15",)
        parameters.AddParameterMap(settings)
    images = [itk.imread(str(folder / f"{name}.nii.gz"), itk.F) for name in ("fixed", "moving")]
    out = tmp_path / "my out (1)"
    out.mkdir()
    warped, _ = itk.elastix_registration_method(
        *images, parameter_object=parameters, output_directory=str(out)
    )
    if moved_away:
        out = out.rename(tmp_path / "elsewhere")
    fields = str(out / "TransformParameters.1.txt").replace("TransformParameters", "{fixed}{moving}")
    for k in (0, 1):
        (out / f"TransformParameters.{k}.txt").rename(out / f"AB.{k}.txt")
    (out / "AB.1.txt").write_text((out / "AB.1.txt").read_text().replace("TransformParameters.0", "AB.0"))
    found = register(pair_of(tmp_path, fixed), fixed, fields=fields)
    ours = warped_by(found, fixed, folder, (np.eye(4), np.eye(4)))
    assert (
        np.abs(ours - itk.array_from_image(warped).T)[3:-3, 3:-3, 3:-3].mean() < 0.01
    )  # theirs is a cubic spline


def test_missing_files_are_named_together(tmp_path):
    fields = [str(tmp_path / "{fixed}_{moving}_1Warp.nii.gz"), str(tmp_path / "{fixed}_{moving}_0.mat")]
    with pytest.raises(FileNotFoundError, match=r"A_B_1Warp.nii.gz, .*A_B_0.mat: not there.*A__B"):
        register(pair_of(tmp_path, GRIDS["LPS"]), GRIDS["LPS"], fields=fields)


def test_beyond_a_field_its_nearest_edge_holds(tmp_path):
    small, grid = grid_from((8, 8, 8), (2, 2, 2), (1, 1, 1), (0, 0, 0)), GRIDS["LPS"]
    u = smooth_field(small)
    write_field(tmp_path / "A_B.nii", u, small)
    found = register(pair_of(tmp_path, grid), grid, fields=str(tmp_path / "{fixed}_{moving}.nii"))
    assert np.abs(grid.points() + found - displace(grid.points(), u, small)).max() < 1e-4


WRONG = {
    "no names": ({"fields": "/x/all.nii.gz"}, "{fixed}"),
    "unknown word": ({"fields": "/x/{fixed}_{moved}.nii.gz"}, "{moved} stands for nothing"),
    "layout": ({"fields": "{fixed}{moving}", "layout": "ras"}, "layout='ras'"),
    "space": ({"fields": "{fixed}{moving}", "space": "mni"}, "space='mni'"),
    "two voxel fields": ({"fields": ["{fixed}", "{moving}"], "layout": "learn2reg"}, "stands alone"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options_are_refused(case):
    options, message = WRONG[case]
    with pytest.raises(ValueError, match="precomputed") as error:
        load_method("regbench.methods.precomputed:Precomputed", options)
    assert message in str(error.value)


BAD = {
    "A_B.nii.gz": (b"no image", "cannot be read"),
    "A_B.mha": (b"no image", "cannot be read by ITK"),
    "A_B.mat": (b"no transform", "cannot be read by ITK"),
    "A_B.txt": (b"(Nothing 1)", "elastix"),
    "A_B.xyz": (b"", "no kind of transform"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_hold_no_transform_are_named(name, tmp_path):
    content, message = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name) as error:
        register(
            pair_of(tmp_path, GRIDS["LPS"]),
            GRIDS["LPS"],
            fields=str(tmp_path / name.replace("A_B", "{fixed}_{moving}")),
        )
    assert message in str(error.value)


@pytest.mark.parametrize("shape", [(3, 5, 6, 7), (24, 22, 20, 3), (24, 22, 20)])
def test_learn2reg_fields_of_another_shape_are_refused(shape, tmp_path):
    np.savez(tmp_path / "A_B.npz", np.zeros(shape))
    fields = str(tmp_path / "{fixed}_{moving}.npz")
    with pytest.raises(ValueError, match=r"A_B\.npz.*expected \(3, 24, 22, 20\)"):
        register(pair_of(tmp_path, GRIDS["LPS"]), GRIDS["LPS"], fields=fields, layout="learn2reg")


def test_one_name_is_enough_only_within_a_subject(tmp_path):
    write_field(tmp_path / "A.nii", smooth_field(GRIDS["LPS"]), GRIDS["LPS"])
    pair = pair_of(tmp_path, GRIDS["LPS"])
    with pytest.raises(ValueError, match="the fixed subject only"):
        register(pair, GRIDS["LPS"], fields=str(tmp_path / "{fixed}.nii"))
    pair["moving"]["subject"] = "A"
    register(pair, GRIDS["LPS"], fields=str(tmp_path / "{fixed}.nii"))
