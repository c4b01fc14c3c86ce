"""Mutual information against a dense float64 version, against scikit-learn on hard bins, and its properties."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import GlobalMutualInformationLoss
from scipy.interpolate import BSpline
from sklearn.metrics import mutual_info_score

from regbench.models import parzen, parzen_cpu
from regbench.models.mutual_information import mutual_information, normalised_mutual_information


def gaussian(z, sigma):
    return torch.exp(-0.5 * (z / sigma) ** 2)


def cubic_bspline(z, _):
    value = BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)
    slope = value.derivative()
    return Tabulated.apply(z, value, slope)


class Tabulated(torch.autograd.Function):
    """scipy's spline of each element, and its derivative, so that autograd can pass it."""

    @staticmethod
    def forward(ctx, z, value, slope):
        ctx.save_for_backward(z)
        ctx.slope = slope
        return torch.from_numpy(np.nan_to_num(value(z.detach().numpy())))

    @staticmethod
    def backward(ctx, grad):
        (z,) = ctx.saved_tensors
        return grad * torch.from_numpy(np.nan_to_num(ctx.slope(z.numpy()))), None, None


WINDOWS = {"gaussian": gaussian, "bspline": cubic_bspline}


def tables(fixed, moving, bins=32, sigma=0.5, mask=None, window="gaussian"):
    """The definition, one window of every voxel on every bin, in float64: p(b, c) of each item."""

    def weights(v):
        w = WINDOWS[window]((v[:, None] - centres) * (bins - 1), sigma)
        return w / w.sum(1, keepdim=True)

    centres = torch.linspace(0, 1, bins, dtype=torch.float64)
    for item in range(len(fixed)):
        keep = slice(None) if mask is None else mask[item].flatten()
        f, m = (weights(image[item].flatten()[keep]) for image in (fixed, moving))
        yield f.T @ m / len(f)


def entropy(p):
    return -torch.where(p > 0, p * p.clamp_min(1e-300).log(), 0).sum()


def dense(fixed, moving, **options):
    ps = list(tables(fixed, moving, **options))
    return torch.stack([entropy(p.sum(0)) + entropy(p.sum(1)) - entropy(p) for p in ps])


def dense_nmi(fixed, moving, **options):
    ps = list(tables(fixed, moving, **options))
    return torch.stack([(entropy(p.sum(0)) + entropy(p.sum(1))) / entropy(p) for p in ps])


def images(kind="continuous", voxels=20_000, batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    fixed = torch.rand(batch, 1, voxels // 100, 10, 10, generator=generator)
    moving = (1 - fixed + 0.1 * torch.randn(fixed.shape, generator=generator)).clamp(0, 1)
    if kind == "few levels":  # every voxel of a level has the same error, so that none cancels
        fixed, moving = (fixed * 40).round() / 40, (moving * 37).round() / 37
    if kind == "independent":
        moving = torch.rand(moving.shape, generator=generator)
    background = slice(0, voxels // 300)
    fixed[:, :, background] = moving[:, :, background] = 0.0
    return fixed, moving


def with_gradients(function, fixed, moving, **options):
    fixed, moving = fixed.clone().requires_grad_(), moving.clone().requires_grad_()
    value = function(fixed, moving, **options)
    weights = torch.arange(1.0, len(value) + 1, dtype=value.dtype, device=value.device)
    (value * weights).sum().backward()
    return value.detach().double(), fixed.grad.double(), moving.grad.double()


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("kind", ["continuous", "few levels", "independent"])
@pytest.mark.parametrize(
    ("bins", "sigma", "window"),
    [
        (16, 0.5, "gaussian"),
        (32, 0.5, "gaussian"),
        (48, 1.0, "gaussian"),
        (64, 0.5, "gaussian"),
        (20, 3.0, "gaussian"),
        (32, 0.5, "bspline"),
        (64, 0.5, "bspline"),
    ],
)
def test_value_and_gradient_are_those_of_dense_float64(kind, bins, sigma, window):
    options = {"bins": bins, "sigma": sigma, "window": window}
    check(mutual_information, dense, *images(kind), **options)
    check(normalised_mutual_information, dense_nmi, *images(kind), **options)


def check(function, oracle, fixed, moving, mask=None, **options):
    value, *gradients = with_gradients(function, fixed, moving, mask=mask, **options)
    expected, *slopes = with_gradients(oracle, fixed.double(), moving.double(), mask=mask, **options)
    assert relative(value, expected) < 1e-4
    for found, slope in zip(gradients, slopes, strict=True):
        assert relative(found, slope) < 1e-3
        assert mask is None or (found[~mask] == 0).all()


@pytest.mark.parametrize("shape", [(60, 70), (20, 15, 12)])
def test_two_and_three_dimensions(shape):
    generator = torch.Generator().manual_seed(0)
    fixed, moving = (torch.rand(2, 1, *shape, generator=generator) for _ in range(2))
    check(mutual_information, dense, fixed, (fixed + 0.3 * moving) / 1.3)


def test_value_is_that_of_monai():
    fixed, moving = images()
    theirs = GlobalMutualInformationLoss(kernel_type="gaussian", num_bins=32, sigma_ratio=0.5)(moving, fixed)
    assert float(mutual_information(fixed, moving)) == pytest.approx(-float(theirs), rel=1e-3)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("window", ["gaussian", "bspline"])
def test_compiled_and_general_passes_agree(window, masked):
    fixed, moving = images(batch=2, voxels=5000)
    mask = torch.rand(fixed.shape, generator=torch.Generator().manual_seed(1)) < 0.4 if masked else None
    compiled = with_gradients(mutual_information, fixed, moving, mask=mask, window=window)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parzen, "COMPILED_FOR", ())
        general = with_gradients(mutual_information, fixed, moving, mask=mask, window=window)
    for a, b in zip(compiled, general, strict=True):
        assert relative(a, b) < 1e-4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_without_waiting_for_it():
    fixed, moving = (image.cuda() for image in images())
    expected = with_gradients(mutual_information, fixed.cpu(), moving.cpu())
    with_gradients(mutual_information, fixed, moving)  # the windows are on the device after the first call
    torch.cuda.set_sync_debug_mode("error")
    try:
        fixed, moving = (image.detach().requires_grad_() for image in (fixed, moving))
        value = mutual_information(fixed, moving)
        value.sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert moving.grad is not None
    assert relative(value.detach().cpu().double(), expected[0]) < 1e-4
    assert relative(moving.grad.cpu().double(), expected[2]) < 1e-4


@pytest.mark.parametrize("window", ["gaussian", "bspline"])
def test_mask_and_batch_count_only_what_they_hold(window):
    fixed, moving = images(batch=3, voxels=6000)
    mask = torch.rand(fixed.shape, generator=torch.Generator().manual_seed(1)) < 0.4
    check(mutual_information, dense, fixed, moving, mask, window=window)


@pytest.mark.parametrize("sigma", [0.05, 0.01])
def test_narrow_windows_tend_to_mutual_information_of_hard_bins(sigma):
    bins = 12
    generator = np.random.default_rng(0)
    a = generator.integers(0, bins, 5000)
    b = np.clip(a + generator.integers(-1, 2, 5000), 0, bins - 1)
    fixed, moving = (torch.from_numpy(x / (bins - 1)).float()[None] for x in (a, b))
    found = float(mutual_information(fixed, moving, bins=bins, sigma=sigma))
    assert found == pytest.approx(mutual_info_score(a, b), abs=1e-4)


def test_value_does_not_scale_with_the_number_of_bins():
    fixed, _ = images(voxels=50_000)
    moving = torch.where(fixed > 0.5, 0.8, 0.2)  # one bit of each other, whatever the bins
    fixed = torch.where(fixed > 0.5, 0.7, 0.3)
    values = [float(mutual_information(fixed, moving, bins=bins)) for bins in (16, 32, 64, 128)]
    assert values == pytest.approx(
        [mutual_info_score((fixed > 0.5).flatten(), (moving > 0.5).flatten())] * 4, rel=0.02
    )


@pytest.mark.parametrize("level", [0.0, 0.37, 1.0])
def test_constant_images_have_no_information_and_no_gradient(level):
    fixed, moving = images(voxels=5000)
    little = 0.01 * float(with_gradients(mutual_information, fixed, moving)[2].abs().max())
    value, *gradients = with_gradients(mutual_information, fixed, torch.full_like(fixed, level))
    assert float(value) == pytest.approx(0, abs=1e-5)
    assert all(gradient.abs().max() < little for gradient in gradients)
    constant = torch.full_like(fixed, level)
    value, *gradients = with_gradients(normalised_mutual_information, constant, constant)
    assert float(value) == pytest.approx(1, abs=1e-4)
    assert all(gradient.abs().max() < little for gradient in gradients)


def test_empty_mask_gives_zero():
    fixed, moving = images(voxels=5000)
    value, *gradients = with_gradients(
        mutual_information, fixed, moving, mask=torch.zeros_like(fixed, dtype=torch.bool)
    )
    assert float(value) == 0
    assert all((gradient == 0).all() for gradient in gradients)


@pytest.mark.parametrize("compiled", [("cpu",), ()])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_nan_or_infinity_shows_in_the_value_of_its_item(monkeypatch, compiled, bad):
    monkeypatch.setattr(parzen, "COMPILED_FOR", compiled)
    fixed, moving = images(voxels=5000, batch=2)
    moving[1, 0, -1, 0, 0] = bad
    value = mutual_information(fixed, moving)
    assert value.isnan().tolist() == [False, True]


def test_one_mask_for_all_items_and_only_of_bool():
    fixed, moving = images(voxels=5000, batch=2)
    mask = torch.rand(1, *fixed.shape[1:], generator=torch.Generator().manual_seed(1)) < 0.4
    both = mutual_information(fixed, moving, mask=mask)
    each = [mutual_information(f[None], m[None], mask=mask) for f, m in zip(fixed, moving, strict=True)]
    assert torch.equal(both, torch.cat(each))
    with pytest.raises(ValueError, match="expected bool"):
        mutual_information(fixed, moving, mask=mask.float())


def test_a_second_derivative_is_refused():
    fixed, moving = images(voxels=500)
    moving.requires_grad_()
    (slope,) = torch.autograd.grad(mutual_information(fixed, moving).sum(), moving, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.square().sum().backward()


def test_intensities_outside_the_range_are_clamped_and_have_no_gradient():
    fixed, moving = images(voxels=5000)
    wide = moving * 1.5 - 0.25
    value, _, gradient = with_gradients(mutual_information, fixed, wide)
    assert float(value) == pytest.approx(float(mutual_information(fixed, wide.clamp(0, 1))))
    assert (gradient[(wide < 0) | (wide > 1)] == 0).all()


def test_what_an_earlier_call_left_in_the_tables_is_never_read():
    fixed, moving = images(voxels=5000)
    first = with_gradients(mutual_information, fixed, moving)
    with_gradients(mutual_information, *images("independent", voxels=5000))
    parzen_cpu._kept["derivatives"].fill(np.nan)
    assert not parzen_cpu._kept["moments"].any()
    second = with_gradients(mutual_information, fixed, moving)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_same_bits_every_time_whatever_the_number_of_threads(threads):
    fixed, moving = images(voxels=300_000)
    results = []
    for count in (1, 2, 2):
        threads(count)
        results.append(with_gradients(mutual_information, fixed, moving))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_bfloat16_and_autocast_give_nearly_the_same():
    fixed, moving = images()
    expected = float(mutual_information(fixed, moving))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert float(mutual_information(fixed, moving)) == pytest.approx(expected, rel=1e-6)
    half = moving.bfloat16().requires_grad_()
    value = mutual_information(fixed, half)
    value.sum().backward()
    assert float(value.detach()) == pytest.approx(expected, rel=0.02)
    assert half.grad is not None
    assert half.grad.dtype == torch.bfloat16


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 40), st.floats(0.3, 2.0))
def test_never_negative_symmetric_and_blind_to_contrast_inversion(seed, bins, sigma):
    fixed, moving = images(voxels=2000, seed=seed)
    value = float(mutual_information(fixed, moving, bins=bins, sigma=sigma))
    assert value >= -1e-6
    assert float(mutual_information(moving, fixed, bins=bins, sigma=sigma)) == pytest.approx(value, abs=1e-5)
    assert float(mutual_information(1 - fixed, moving, bins=bins, sigma=sigma)) == pytest.approx(
        value, abs=1e-4
    )


@pytest.mark.parametrize(
    "options", [{"bins": 1}, {"sigma": 0.0}, {"bins": 1000, "sigma": 0.3}, {"window": "box"}]
)
def test_settings_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="bins"):
        mutual_information(*images(voxels=500), **options)


def test_images_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="expected one shape"):
        mutual_information(torch.rand(1, 5), torch.rand(1, 6))
