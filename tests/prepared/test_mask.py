import numpy as np
import pytest

from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume, write_volume
from regbench.prepared.mask import choose_mask, for_alignment, threshold_mask
from regbench.study import PrepareSettings

RADIUS = np.linalg.norm(np.indices((40, 40, 40)) - 20, axis=0)
BALL = RADIUS < 14


def test_stripped_image_is_masked_above_zero_with_holes_filled_and_specks_dropped():
    data = np.where(BALL, 500.0, 0.0)
    data[RADIUS < 5] = -3
    data[2, 2, 2] = 900
    assert np.array_equal(threshold_mask(data, np.ones(3)), BALL)


def test_image_with_noisy_air_is_masked_by_otsu():
    noise = np.random.default_rng(0).rayleigh(10, BALL.shape)
    mask = threshold_mask(np.where(BALL, 400, 0) + noise, np.ones(3))
    assert np.array_equal(mask, BALL)


def skulled(spacing):
    """A head at `spacing` mm in noisy air, (data, inside): dim grey and bright white matter, dark CSF and skull, scalp."""
    size = [int(220 / mm) for mm in spacing]
    middle, mm = np.array(size)[:, None, None, None] / 2, np.array(spacing)[:, None, None, None]
    radius = np.linalg.norm((np.indices(size) - middle) * mm, axis=0)
    data = np.select(
        [radius < 12, radius < 50, radius < 70, radius < 80, radius < 86], [20.0, 400, 250, 20, 500], 0.0
    )
    return data + np.random.default_rng(0).rayleigh(10, size), radius < 86


@pytest.mark.parametrize("spacing", [(2, 2, 2), (1.6, 1.6, 5)])
def test_head_with_skull_is_masked_as_one_solid(spacing):
    data, head = skulled(spacing)
    mask = threshold_mask(data, np.array(spacing))
    assert 2 * np.sum(mask & head) / (mask.sum() + head.sum()) > 0.98
    assert mask[head].mean() > 0.99


def test_alignment_sees_a_head_whole_and_a_stripped_brain_by_its_mask():
    data, head = skulled((4, 4, 4))
    grid = Grid(data.shape, np.diag([4, 4, 4, 1.0]))
    stripped = Volume(np.where(head, data, 0), grid, head)
    assert for_alignment(stripped, PrepareSettings()).mask is head
    assert for_alignment(Volume(data, grid, head), PrepareSettings()).mask is None
    assert for_alignment(Volume(data, grid, head), PrepareSettings(mask="dataset")).mask is head


def test_dataset_mask_on_another_grid_is_brought_to_the_images(tmp_path):
    fine, coarse = Grid((40, 40, 40), np.eye(4)), Grid((20, 20, 20), np.diag([2, 2, 2, 1]))
    write_volume(tmp_path / "mask.nii.gz", BALL[::2, ::2, ::2] * 255, coarse)
    volume = Volume(np.ones(fine.shape), fine)
    mask = choose_mask(volume, str(tmp_path / "mask.nii.gz"), PrepareSettings(mask="dataset"))
    core, hull = RADIUS < 12, RADIUS < 16  # a coarse voxel's width to either side
    assert mask[core].all()
    assert not mask[~hull].any()


def test_no_mask_is_made_when_none_is_asked_for():
    assert (
        choose_mask(
            Volume(np.ones((4, 4, 4)), Grid((4, 4, 4), np.eye(4))), None, PrepareSettings(mask="none")
        )
        is None
    )


def test_missing_and_empty_masks_are_refused_by_name(tmp_path):
    volume = Volume(np.zeros((8, 8, 8)), Grid((8, 8, 8), np.eye(4)), path=tmp_path / "scan.nii.gz")
    with pytest.raises(ValueError, match=r"scan\.nii\.gz.*no mask"):
        choose_mask(volume, None, PrepareSettings(mask="dataset"))
    with pytest.raises(ValueError, match=r"scan\.nii\.gz.*empty"):
        choose_mask(volume, None, PrepareSettings(mask="threshold"))
