import numpy as np
import pytest
from scipy.stats import entropy
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import mutual_info_score

from regbench.scores.similarity import BINS, mutual_information, psnr, ssim

SHAPE = (40, 36, 38)


@pytest.fixture
def images():
    """Two related images in [0, 1], zero outside a box, and that box as the brain."""
    rng = np.random.default_rng(0)
    brain = np.zeros(SHAPE, bool)
    brain[16:29, 17:30, 2:20] = True
    fixed = (rng.random(SHAPE) * brain).astype(np.float32)
    moving = (np.clip(0.6 * fixed + 0.3 * rng.random(SHAPE), 0, 1) * brain).astype(np.float32)
    return fixed, moving, brain


def test_mutual_information_agrees_with_scikit_learn_on_hard_bins(images):
    fixed, moving = (image[images[2]] for image in images[:2])
    edges = np.linspace(0, 1, BINS + 1)[1:-1]
    f, m = np.digitize(fixed.astype(float), edges), np.digitize(moving.astype(float), edges)
    mi, nmi = mutual_information(fixed, moving)
    assert mi == pytest.approx(mutual_info_score(f, m), rel=1e-6)
    counts = [np.unique(x, return_counts=True)[1] for x in (f, m, f * BINS + m)]
    hf, hm, joint = map(entropy, counts)
    assert nmi == pytest.approx((hf + hm) / joint, rel=1e-6)


def test_an_image_with_itself_has_its_entropy_and_nmi_two():
    x = np.repeat((np.arange(BINS) + 0.5) / BINS, 3)
    mi, nmi = mutual_information(x, 1 - x)
    assert mi == pytest.approx(np.log(BINS))
    assert nmi == pytest.approx(2)


def test_the_end_of_the_range_falls_in_the_last_bin_and_constants_tell_nothing():
    assert mutual_information(np.ones(5), np.zeros(5)) == (0.0, 1.0)


def test_mutual_information_of_an_empty_brain_is_refused():
    with pytest.raises(ValueError, match="empty"):
        mutual_information(np.zeros(0), np.zeros(0))


def test_ssim_agrees_with_scikit_image_on_the_whole_grid_and_in_the_mask(images):
    fixed, moving, brain = images
    mean, full = structural_similarity(fixed, moving, data_range=1.0, full=True)
    assert ssim(fixed, moving, brain) == pytest.approx((mean, full[brain].mean()), abs=1e-6)


def test_ssim_of_images_that_fill_the_grid_agrees_too():
    fixed, moving = np.random.default_rng(1).random((2, 16, 15, 14)).astype(np.float32)
    mean, full = structural_similarity(fixed, moving, data_range=1.0, full=True)
    everywhere = np.ones(fixed.shape, bool)
    assert ssim(fixed, moving, everywhere) == pytest.approx((mean, full.mean()), abs=1e-6)


def test_ssim_of_two_empty_images_is_one():
    empty = np.zeros((10, 10, 10), np.float32)
    assert ssim(empty, empty, empty == 0) == (1.0, 1.0)


def test_psnr_agrees_with_scikit_image(images):
    fixed, moving, _ = images
    assert psnr(fixed, moving) == pytest.approx(
        peak_signal_noise_ratio(fixed, moving, data_range=1.0), rel=1e-5
    )
    assert psnr(fixed, fixed) == float("inf")
