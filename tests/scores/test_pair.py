import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from regbench.geometry.images import read_volume
from regbench.scores.metrics import METRICS
from regbench.scores.overlap import dice, mean_over_labels
from regbench.scores.pair import COLUMNS, score_pair
from regbench.scores.similarity import mutual_information, psnr
from regbench.study import ScoreSettings
from tests.scores.small_pair import GRID, HIGH, LOW, smooth_field, write_pair, write_run

ONCE, PREPARED = ScoreSettings(), ScoreSettings(label_path="prepared")


def whole(rows) -> dict[str, float]:
    return {row["metric"]: float(row["value"]) for row in rows if row["label"] == ""}


def itk_affine(matrix) -> sitk.AffineTransform:
    matrix = np.asarray(matrix)
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel())
    transform.SetTranslation(matrix[:3, 3])
    return transform


def itk_resample(path, transforms, interpolator, grid) -> np.ndarray:
    """Oracle: SimpleITK samples the file once through the transforms (applied to a point in reverse order)."""
    moved = sitk.Resample(
        sitk.ReadImage(path), grid, sitk.CompositeTransform(transforms), interpolator, 0.0, sitk.sitkFloat32
    )
    return sitk.GetArrayFromImage(moved).T


@pytest.mark.parametrize("masked", [True, False])
def test_scores_are_those_of_simpleitk_sampling_the_originals_once(tmp_path, masked):
    pair = write_pair(tmp_path, masked)
    run = write_run(tmp_path, smooth_field(5, 5.0))
    found = whole(score_pair(pair, run, ONCE))
    grid = sitk.ReadImage(pair["fixed"]["image"])
    field = sitk.DisplacementFieldTransform(sitk.ReadImage(run["field"], sitk.sitkVectorFloat64))
    to_moving = [itk_affine(pair["moving"]["to_original"]), field]
    to_fixed = [itk_affine(pair["fixed"]["to_original"])]
    warped_labels = itk_resample(pair["moving"]["labels"], to_moving, sitk.sitkNearestNeighbor, grid)
    fixed_labels = itk_resample(pair["fixed"]["labels"], to_fixed, sitk.sitkNearestNeighbor, grid)
    expected = mean_over_labels(dice(fixed_labels.astype(int), warped_labels.astype(int)))
    assert found["dsc"] == pytest.approx(expected, abs=2e-3)
    assert 0.1 < expected < 0.9
    fixed = read_volume(pair["fixed"]["image"]).data
    warped = itk_resample(pair["moving"]["original"], to_moving, sitk.sitkLinear, grid)
    warped = np.clip((warped - LOW) / (HIGH - LOW), 0, 1)
    if masked:
        warped *= itk_resample(pair["moving"]["original_mask"], to_moving, sitk.sitkNearestNeighbor, grid)
    assert found["psnr"] == pytest.approx(psnr(fixed, warped), abs=0.02)
    brain = read_volume(pair["fixed"]["mask"]).data > 0 if masked else fixed > 0
    assert found["mi"] == pytest.approx(mutual_information(fixed[brain], warped[brain])[0], abs=5e-3)


@pytest.mark.parametrize("masked", [True, False])
def test_identity_scores_as_the_prepared_images_do(tmp_path, masked):
    pair = write_pair(tmp_path, masked)
    found = whole(score_pair(pair, write_run(tmp_path, np.zeros((3, *GRID.shape), np.float32)), ONCE))
    fixed, moving = (read_volume(pair[side]["image"]).data for side in ("fixed", "moving"))
    assert found["psnr"] == pytest.approx(psnr(fixed, moving), abs=1e-3)
    assert found["folding"] == found["ndv"] == found["sdlogj"] == 0


def test_the_paper_s_label_path_samples_labels_twice_and_so_differs(tmp_path):
    pair = write_pair(tmp_path)
    run = write_run(tmp_path, smooth_field(5, 5.0))
    once, prepared = (whole(score_pair(pair, run, settings)) for settings in (ONCE, PREPARED))
    assert once["dsc"] != prepared["dsc"]
    assert once["dsc"] == pytest.approx(prepared["dsc"], abs=0.1)
    assert once["psnr"] == prepared["psnr"]


def test_both_label_paths_are_one_for_identity(tmp_path):
    pair = write_pair(tmp_path)
    run = write_run(tmp_path, np.zeros((3, *GRID.shape), np.float32))
    once, prepared = (whole(score_pair(pair, run, settings)) for settings in (ONCE, PREPARED))
    assert once["dsc"] == prepared["dsc"]


def test_the_truth_has_no_error(tmp_path):
    pair = write_pair(tmp_path)
    found = whole(score_pair(pair, write_run(tmp_path, smooth_field(7, 4.0)), ONCE))
    assert found["error"] == found["error_border"] == 0
    assert found["tre"] < 1e-3
    worse = whole(score_pair(pair, write_run(tmp_path, np.zeros((3, *GRID.shape), np.float32)), ONCE))
    assert worse["error"] > 0.5


def test_landmarks_go_where_simpleitk_takes_them_and_distances_are_those_of_the_moving_scan(tmp_path):
    pair = write_pair(tmp_path)
    names, fixed, moving = (slicer_or_csv(pair[side]["landmarks"]) for side in ("fixed", "fixed", "moving"))
    for u in (np.zeros((3, *GRID.shape), np.float32), smooth_field(5, 5.0)):
        run = write_run(tmp_path, u)
        field = sitk.DisplacementFieldTransform(sitk.ReadImage(run["field"], sitk.sitkVectorFloat64))
        out = itk_affine(np.linalg.inv(pair["fixed"]["to_original"]))
        through = sitk.CompositeTransform([itk_affine(pair["moving"]["to_original"]), field, out])
        distances = [
            np.linalg.norm(np.subtract(through.TransformPoint(fixed[name]), moving[name])) for name in names
        ]
        found = whole(score_pair(pair, run, ONCE))["tre"]
        assert found == pytest.approx(np.mean(distances), abs=1e-4)
        assert found > 1


def slicer_or_csv(path) -> dict[str, list[float]]:
    """Oracle: points by name as written here, LPS mm, read without the code under test."""
    table = pd.read_csv(path, comment="#", header=None)
    name, first = (11, 1) if path.endswith(".fcsv") else (0, 1)
    rows = table if path.endswith(".fcsv") else table[1:]
    return {str(row[name]): [float(row[first + axis]) for axis in range(3)] for _, row in rows.iterrows()}


def test_landmarks_that_cannot_be_matched_say_what_to_do(tmp_path):
    pair = write_pair(tmp_path)
    (tmp_path / "b_landmarks.csv").write_text("# coordinates: LPS\nx,y,z\n1,2,3\n")
    pair["moving"]["landmarks"] = str(tmp_path / "b_landmarks.csv")
    run = write_run(tmp_path, smooth_field(5, 5.0))
    with pytest.raises(ValueError, match="12 named mark 0, mark 1, mark 2, …; 1 without names"):
        score_pair(pair, run, ONCE)


def test_rows_are_tidy_with_every_metric_and_each_label(tmp_path):
    pair = write_pair(tmp_path) | {"followup": True}
    rows = score_pair(pair, write_run(tmp_path, smooth_field(5, 2.0)), ONCE)
    assert all(list(row) == COLUMNS for row in rows)
    assert set(whole(rows)) == set(METRICS)
    for row in rows:
        low, high = METRICS[row["metric"]].range
        assert low <= float(row["value"]) <= high
    labels = [row for row in rows if row["label"] != "" and row["metric"] == "dsc"]
    assert [row["label"] for row in labels] == [1, 2, 3, 4]
    mean = np.mean([float(row["value"]) for row in labels])
    assert whole(rows)["dsc"] == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("status", ["error", "timeout", "oom", "invalid", "skipped"])
def test_a_failed_run_is_a_row_for_each_metric_with_its_status(tmp_path, status):
    rows = score_pair(write_pair(tmp_path) | {"followup": True}, write_run(tmp_path, None, status), ONCE)
    assert [row["metric"] for row in rows] == list(METRICS)
    assert {(row["status"], row["value"]) for row in rows} == {(status, "")}


def test_without_labels_or_truth_only_what_can_be_measured_is_asked_for(tmp_path):
    pair = write_pair(tmp_path, truth=False)
    pair["moving"]["labels"] = pair["fixed"]["landmarks"] = None
    rows = score_pair(pair, write_run(tmp_path, smooth_field(5, 2.0)), ONCE)
    assert not {row["metric"] for row in rows} & {"dsc", "hd95", "tre", "error", "error_border"}


def test_a_field_on_another_grid_is_refused_by_name(tmp_path):
    pair = write_pair(tmp_path)
    run = write_run(tmp_path, smooth_field(5, 2.0))
    image = sitk.ReadImage(run["field"])
    image.SetOrigin([0.0, 0.0, 0.0])
    sitk.WriteImage(image, run["field"])
    with pytest.raises(ValueError, match=r"a__b\.nii\.gz: not on the prepared fixed grid: "):
        score_pair(pair, run, ONCE)
