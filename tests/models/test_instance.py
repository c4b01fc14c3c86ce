"""Instance optimisation: its terms against their definitions, and what it finds on images whose displacement is known."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional as F

from regbench.models import correlation_cpu, instance
from regbench.models.instance import (
    FLOOR,
    InstanceSettings,
    Level,
    carried_over,
    local_correlation,
    optimise,
    reduced,
    reduced_inside,
    smoothed,
)

SHAPE = (48, 52, 50)
SETTINGS = InstanceSettings(
    epsilon=0.2,
    levels=[Level(2, 30, "global", 1.2), Level(2, 20, "local", 1.0), Level(1, 15, "local", 0.8)],
    bins=32,
    sigma=1.0,
    radius=2,
    step=1.0,
    fluid=0.7,
    remap=10,
)


def texture(seed=0):
    image = ndimage.gaussian_filter(np.random.default_rng(seed).random(SHAPE), 2.0)
    return (0.2 + 0.8 * (image - image.min()) / np.ptp(image)).astype(np.float32)


def blobs(seed=0):
    """A ball of texture, empty outside, in [0, 1]."""
    centre = (np.array(SHAPE).reshape(3, 1, 1, 1) - 1) / 2
    ball = np.linalg.norm(np.indices(SHAPE) - centre, axis=0) < 21
    return (texture(seed) * ndimage.gaussian_filter(ball.astype(float), 0.7)).astype(np.float32)


def warped_pair(contrast="same"):
    """fixed(x) = moving(x + u(x)), the moving image perhaps of another contrast, and u (3, D, H, W) in voxels."""
    moving, rng = texture(), np.random.default_rng(1)
    u = np.stack([ndimage.gaussian_filter(rng.normal(0, 1, SHAPE), 6) for _ in range(3)])
    u *= 1.5 / np.abs(u).max()
    fixed = ndimage.map_coordinates(moving, np.indices(SHAPE) + u, order=1, mode="nearest")
    if contrast == "other":
        moving = 1.2 - moving
    return torch.from_numpy(fixed), torch.from_numpy(moving), u


def dense_correlation(image, other, radius, mask=None):
    """The definition with pooled windows (zeros beyond the border, or nothing beyond the mask), float64."""

    def pool(x):
        return F.avg_pool3d(x[None, None], 2 * radius + 1, stride=1, padding=radius)[0, 0]

    def mean(x):
        return pool(x) if mask is None else pool(x * mask) / pool(mask.double()).clamp_min(1e-9)

    covariance = mean(image * other) - mean(image) * mean(other)
    variances = (mean(image**2) - mean(image) ** 2) * (mean(other**2) - mean(other) ** 2)
    return (covariance**2 + FLOOR) / (variances + FLOOR)


@pytest.mark.parametrize("masked", [False, True])
def test_local_correlation_and_its_gradient_are_those_of_the_definition(masked):
    image, other = torch.from_numpy(blobs(0)), torch.from_numpy(blobs(1))
    mask = image > 0.3 if masked else None
    value, gradient = local_correlation(image, 2, mask)(other)
    exact = other.double().requires_grad_()
    correlation = dense_correlation(image.double(), exact, 2, mask)
    if masked:
        correlation = correlation[mask]
    (slope,) = torch.autograd.grad(correlation.sum(), exact)
    assert float(value) == pytest.approx(float(correlation.mean().detach()), rel=1e-3)
    assert float((gradient - slope).norm() / slope.norm()) < 1e-2


@pytest.mark.parametrize("shape", [(9, 12, 11), (3, 2, 7)])
def test_compiled_local_correlation_is_that_by_matrices_and_the_same_in_any_number_of_threads(
    shape, threads, monkeypatch
):
    image, other = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    found = []
    for count in (1, 2, 3):
        threads(count)
        found.append(local_correlation(image, 3)(other))
    monkeypatch.setattr(instance, "COMPILED_FOR", ())
    monkeypatch.setattr(correlation_cpu, "correlate", lambda *_: pytest.fail("compiled"))
    value, gradient = local_correlation(image, 3)(other)
    assert float(found[0][0]) == pytest.approx(float(value), rel=1e-5)
    assert float((found[0][1] - gradient).norm() / gradient.norm()) < 1e-5
    assert all(torch.equal(one[0], found[0][0]) and torch.equal(one[1], found[0][1]) for one in found[1:])


@pytest.mark.parametrize("other", [torch.rand(6, 7, 9), torch.rand(6, 7, 8).double()])
def test_an_image_of_another_size_or_type_is_not_compared(other):
    with pytest.raises(ValueError, match=r"expected torch.float32 \(6, 7, 8\)"):
        local_correlation(torch.rand(6, 7, 8), 2)(other)


def test_no_weight_of_a_gaussian_is_subnormal():
    weights = instance._gaussian(192, 0.4, torch.device("cpu"))
    assert float(weights[weights > 0].min()) > torch.finfo(torch.float32).tiny


def test_smoothing_is_that_of_scipy_inside():
    image = blobs()
    found = smoothed(torch.from_numpy(image), 1.3).numpy()
    expected = ndimage.gaussian_filter(image.astype(np.float64), 1.3, truncate=8)
    inside = (slice(8, -8),) * 3
    assert np.abs(found - expected)[inside].max() < 1e-5


def test_an_image_is_reduced_with_its_corners_kept_and_never_to_nothing():
    ramp = torch.linspace(0, 1, SHAPE[0])[:, None, None].expand(SHAPE).contiguous()
    small = reduced(ramp, 2)
    assert tuple(small.shape) == (24, 26, 25)
    ends = smoothed(ramp, 0.8)[[0, -1], 8, 8]
    assert torch.allclose(small[[0, -1], 8, 8], ends, atol=1e-6)
    assert tuple(reduced(ramp, 16).shape) == (8, 8, 8)


def test_an_image_is_reduced_from_inside_its_mask_alone_and_continued_outside():
    image = torch.from_numpy(texture())
    mask = torch.ones(SHAPE, dtype=torch.bool)
    mask[16:32, 16:32, 16:32] = False
    holed = torch.where(mask, image, 9.0)
    small, inside = reduced_inside(holed, mask, 2)
    expected = reduced(image, 2)
    assert torch.equal(small, reduced_inside(image, mask, 2)[0])
    assert (
        float((small - expected)[inside].abs().max()) < 0.15
    )  # beside the hole half of a voxel's support is missing
    away = inside & (reduced(mask.float(), 2) > 0.999)
    assert float((small - expected)[away].abs().max()) < 1e-3
    assert 0.2 < float(small[~inside].mean()) < 1
    assert not inside[9:15, 9:15, 9:15].any()


def test_a_contrast_is_carried_over_by_what_lies_on_what():
    seen = torch.from_numpy(blobs()).clamp(0.05, 1)
    of = 0.2 + 2.4 * (seen - 0.6) ** 2
    found = carried_over(seen, of=of, seen=seen)
    assert float((found - of).abs().mean()) < 0.01
    background = torch.zeros(SHAPE)
    assert torch.equal(carried_over(background, of=of, seen=seen), background)


def test_an_intensity_that_is_never_seen_has_the_contrast_of_the_nearest_that_is():
    of, seen = torch.tensor([0.7, 0.7, 0.2, 0.2]), torch.tensor([0.3, 0.31, 0.8, 0.8])
    image = torch.tensor([0.1, 0.3, 0.45, 0.5, 0.6, 0.95])
    found = carried_over(image[:, None, None], of[:, None, None], seen[:, None, None])[:, 0, 0]
    assert found.tolist() == pytest.approx([0.7, 0.7, 0.7, 0.7, 0.2, 0.2], abs=1e-4)


@pytest.mark.parametrize("contrast", ["same", "other"])
def test_a_known_warp_is_found_without_folding(contrast):
    fixed, moving, u = warped_pair(contrast)
    found = optimise(fixed, moving, SETTINGS).numpy()
    inside = blobs() > 0  # away from the border
    error, before = (np.linalg.norm(x, axis=0)[inside].mean() for x in (found - u, u))
    assert error < 0.6 * before
    jacobian = np.stack(np.gradient(found, axis=(1, 2, 3)), axis=1) + np.eye(3)[:, :, None, None, None]
    assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0


def test_identical_images_stay_where_they_are():
    image = torch.from_numpy(blobs())
    assert float(optimise(image, image, SETTINGS).norm(dim=0)[image > 0.15].mean()) < 0.1


@pytest.mark.parametrize("level", [0.0, 0.4])
def test_a_constant_image_moves_nothing(level):
    found = optimise(torch.from_numpy(blobs()), torch.full(SHAPE, level), SETTINGS)
    assert float(found.abs().max()) < 1e-3


def test_the_same_field_every_time():
    fixed, moving, _ = warped_pair()
    assert torch.equal(optimise(fixed, moving, SETTINGS), optimise(fixed, moving, SETTINGS))
