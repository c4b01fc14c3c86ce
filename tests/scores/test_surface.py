import numpy as np
import pytest
import SimpleITK as sitk
import surface_distance
from scipy import ndimage
from scipy.spatial.distance import cdist

from regbench.scores.surface import hd95, label_borders, label_surfaces

SPACING = np.array([1.0, 1.5, 2.0])


def blobs(seed: int, shape=(24, 22, 20)) -> np.ndarray:
    """Three smooth regions."""
    noise = np.random.default_rng(seed).standard_normal((4, *shape))
    return np.argmax([ndimage.gaussian_filter(n, 3.0) for n in noise], axis=0).astype(np.int32)


def ball(centre, radius, shape=(40, 36, 30)) -> np.ndarray:
    distance = np.linalg.norm((np.indices(shape).T * SPACING - centre), axis=-1).T
    return (distance <= radius).astype(np.int32)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hd95_agrees_with_brute_force_over_surface_voxels(seed):
    fixed, moving = blobs(seed), blobs(seed + 10)
    for label, value in hd95(fixed, moving, SPACING).items():
        masks = [image == label for image in (fixed, moving)]
        edges = [np.argwhere(m & ~ndimage.binary_erosion(m)) * SPACING for m in masks]
        distances = cdist(*edges)
        expected = max(np.percentile(distances.min(axis), 95) for axis in (0, 1))
        assert value == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:surface_distance")
@pytest.mark.parametrize("shift", [(0, 0, 0), (3, 0, 0), (0, 3, 4), (5, 6, 6)])
def test_hd95_agrees_with_surface_distance_within_a_voxel(shift):
    centre = np.array([18.0, 24.0, 26.0])
    fixed, moving = ball(centre, 10), ball(centre + shift, 12)
    distances = surface_distance.compute_surface_distances(fixed > 0, moving > 0, SPACING)
    expected = surface_distance.compute_robust_hausdorff(distances, 95)
    assert hd95(fixed, moving, SPACING)[1] == pytest.approx(expected, abs=np.linalg.norm(SPACING) / 2)


def test_hd95_of_a_shifted_box_is_the_shift_that_simpleitk_finds():
    fixed, moving = np.zeros((2, 30, 30, 30), np.int32)
    fixed[5:20, 5:20, 5:20] = 4
    moving[8:23, 5:20, 5:20] = 4
    images = [sitk.GetImageFromArray(image) for image in (fixed, moving)]
    for image in images:
        image.SetSpacing(SPACING[::-1])  # SimpleITK lists x first, which is the array's last axis
    hausdorff = sitk.HausdorffDistanceImageFilter()
    hausdorff.Execute(*(image == 4 for image in images))
    assert hausdorff.GetHausdorffDistance() == pytest.approx(3 * SPACING[0])
    assert hd95(fixed, moving, SPACING)[4] == pytest.approx(hausdorff.GetHausdorffDistance())


def test_a_label_that_one_image_lacks_has_no_distance():
    fixed, moving = blobs(0), blobs(0)
    moving[moving == 2] = 0
    values = hd95(fixed, moving, SPACING)
    assert np.isnan(values[2])
    assert np.isfinite(values[1])


def test_images_without_labels_have_no_distances():
    assert hd95(np.zeros((4, 4, 4), int), np.zeros((4, 4, 4), int), SPACING) == {}


def test_borders_lie_on_both_sides_and_surfaces_within_the_label():
    labels = np.zeros((6, 3, 3), int)
    labels[3:] = 5
    assert label_borders(labels).any(axis=(1, 2)).tolist() == [False, False, True, True, False, False]
    # The grid's rim counts as surface: beyond it is background.
    assert (label_surfaces(labels)[3:] == 5).sum() == 27 - 1
