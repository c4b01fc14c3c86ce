import numpy as np
import pytest

from regbench.geometry.grid import apply_affine
from regbench.geometry.images import Volume, read_volume
from regbench.prepared.affine import register_affine
from regbench.prepared.mask import threshold_mask
from regbench.study import AffineSettings
from tests.prepared.phantoms import transform_of, write_head

SETTINGS = AffineSettings(starts=4)


def masked(path) -> Volume:
    volume = read_volume(path)
    volume.mask = threshold_mask(volume.data, volume.grid.spacing)
    return volume


def error_mm(found, truth, volume):
    """Mean distance over the foreground between where two matrices take it."""
    points = volume.grid.to_points(np.argwhere(volume.mask).T)
    return np.linalg.norm(apply_affine(found, points) - apply_affine(truth, points), axis=0).mean()


@pytest.mark.parametrize(
    ("angles", "contrast"),
    [((60, 0, 0), "T1w"), ((0, -60, 0), "T2w"), ((0, 0, 60), "T1w"), ((-35, 30, 40), "T2w")],
)
def test_large_rotation_with_scale_is_recovered(angles, contrast, tmp_path):
    truth = transform_of(angles, (1.08, 0.95, 1.03), (40, -25, 60))
    write_head(tmp_path, "fixed")
    write_head(tmp_path, "moving", truth, flips=(-1, 1, 1), spacing=(2.5, 2.2, 3))
    fixed, moving = masked(tmp_path / "fixed_T1w.nii.gz"), masked(tmp_path / f"moving_{contrast}.nii.gz")
    found, information = register_affine(fixed, moving, SETTINGS)
    assert error_mm(found, truth, fixed) < 2.0
    assert information > 0.1


def test_headers_of_flipped_and_oblique_files_are_honoured(tmp_path):
    write_head(tmp_path, "fixed")
    write_head(tmp_path, "moving", flips=(-1, -1, 1), angles=(20, -70, 35), offset=(9, -7, 4))
    fixed, moving = masked(tmp_path / "fixed_T1w.nii.gz"), masked(tmp_path / "moving_T1w.nii.gz")
    found, _ = register_affine(fixed, moving, SETTINGS)
    assert error_mm(found, np.eye(4), fixed) < 1.0


def test_same_scans_give_the_same_matrix_to_the_last_bit(tmp_path):
    write_head(tmp_path, "fixed")
    write_head(tmp_path, "moving", transform_of((10, 20, -15)))
    fixed, moving = masked(tmp_path / "fixed_T1w.nii.gz"), masked(tmp_path / "moving_T1w.nii.gz")
    once, again = (register_affine(fixed, moving, SETTINGS)[0] for _ in range(2))
    assert np.array_equal(once, again)


def test_scan_without_content_is_refused_by_name(tmp_path):
    write_head(tmp_path, "fixed")
    fixed = masked(tmp_path / "fixed_T1w.nii.gz")
    empty = Volume(
        np.zeros_like(fixed.data), fixed.grid, np.zeros_like(fixed.mask), tmp_path / "empty.nii.gz"
    )
    with pytest.raises(ValueError, match=r"empty\.nii\.gz"):
        register_affine(fixed, empty, SETTINGS)
