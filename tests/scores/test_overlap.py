import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regbench.scores.overlap import dice, mean_over_labels

SHAPE = (5, 4, 3)
LABELS = arrays(np.int32, SHAPE, elements=st.sampled_from([0, 1, 2, 7]))


@given(LABELS, LABELS)
def test_dice_agrees_with_simpleitk_on_the_union_of_labels(fixed, moving):
    ours = dice(fixed, moving)
    assert set(ours) == (set(np.unique(fixed)) | set(np.unique(moving))) - {0}
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(sitk.GetImageFromArray(fixed), sitk.GetImageFromArray(moving))
    for label, value in ours.items():
        assert value == pytest.approx(overlap.GetDiceCoefficient(int(label)))


def test_a_label_absent_in_one_image_counts_zero_in_the_mean():
    fixed, moving = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.int32)
    fixed[:2] = 1
    moving[:2] = 1
    moving[4] = 9
    assert dice(fixed, moving) == {1: 1.0, 9: 0.0}
    assert mean_over_labels(dice(fixed, moving)) == 0.5


def test_large_label_numbers_are_counted_like_small_ones():
    rng = np.random.default_rng(0)
    fixed, moving = rng.integers(0, 4, (2, *SHAPE), dtype=np.int32)
    numbers = np.array([0, 3, 1200, 614454277], np.int32)
    small = dice(fixed, moving)
    assert dice(numbers[fixed], numbers[moving]) == {int(numbers[k]): value for k, value in small.items()}


def test_negative_labels_are_background():
    labels = np.full(SHAPE, -1, np.int32)
    labels[0] = 3
    assert dice(labels, labels) == {3: 1.0}


def test_images_of_different_grids_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        dice(np.zeros((2, 2, 2), int), np.zeros((2, 2, 3), int))
