"""The kernels for GPUs against the passes in torch: on a GPU where there is one, else by Triton's interpreter."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from regbench.models import parzen, parzen_cpu
from regbench.models.mutual_information import mutual_information
from regbench.models.parzen import UNIT, parzen_windows

pytest.importorskip("triton")
from regbench.models import parzen_cuda

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def images(voxels=3000):
    """Two pairs: a background that most voxels share, values outside [0, 1], and voxels at the ends of the range."""
    generator = torch.Generator().manual_seed(0)
    fixed = torch.rand(2, voxels, generator=generator)
    moving = 1 - fixed + 0.2 * torch.randn(2, voxels, generator=generator)
    fixed[:, : voxels // 2] = moving[:, : voxels // 2] = 0.0
    fixed[1, : voxels // 3] = 1.0
    keep = torch.rand(2, voxels, generator=generator) < 0.4
    return [x.to(DEVICE) for x in (fixed, moving, keep)]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("bins", "window"), [(16, "gaussian"), (32, "bspline")])
def test_sums_and_gradients_are_those_of_torch(bins, window, masked):
    fixed, moving, keep = images()
    keep = keep if masked else None
    windows = parzen_windows(bins, 0.5, window, DEVICE)
    joint, count = parzen_cuda.joint_sums(fixed, moving, keep, windows, UNIT)
    expected, number = parzen.joint_sums(fixed, moving, keep, windows)
    torch.testing.assert_close(joint, expected, rtol=1e-12, atol=1e-9)
    assert torch.equal(count, number)
    weight = torch.randn(2, bins, bins, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for of_moving in (False, True):
        arguments = fixed, moving, keep, of_moving, windows, weight.to(DEVICE)
        found, slope = parzen_cuda.gradient(*arguments), parzen.gradient(*arguments)
        torch.testing.assert_close(found, slope, rtol=1e-4, atol=1e-4 * float(slope.abs().max()))
        image = moving if of_moving else fixed
        assert (found[(image < 0) | (image > 1)] == 0).all()


def test_moments_are_those_of_the_compiled_loops_to_the_last_bit():
    fixed, moving, _ = images(2000)
    windows = parzen_windows(16, 0.5, "gaussian", torch.device("cpu"))
    tables = np.zeros((2, windows.cells, windows.cells, parzen_cpu.TERMS), np.int64)
    occupied = np.zeros((windows.cells, windows.cells), np.bool_)
    for f, m, table in zip(fixed.cpu().numpy(), moving.cpu().numpy(), tables, strict=True):
        parzen_cpu._add_moments(f, m, np.zeros(0, np.bool_), UNIT, table, occupied)
    moments = torch.zeros(2, windows.cells, windows.cells, parzen_cuda.SLOTS, dtype=torch.int64).to(DEVICE)
    counts = torch.zeros(2, 2, dtype=torch.int64).to(DEVICE)
    parzen_cuda._launch(
        parzen_cuda._add_moments, (fixed, moving, None), (moments, counts), windows.cells, float(UNIT)
    )
    np.testing.assert_array_equal(moments[..., : parzen_cpu.TERMS].cpu().numpy(), tables)
    assert not moments[..., parzen_cpu.TERMS :].any()
    assert counts.tolist() == [[2000, 0], [2000, 0]]


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_makes_its_item_nan_also_outside_a_mask(value):
    fixed, moving, keep = images(600)
    keep[0] = False
    moving[0, 17] = value
    windows = parzen_windows(16, 0.5, "gaussian", DEVICE)
    joint, count = parzen_cuda.joint_sums(fixed, moving, keep, windows, UNIT)
    assert joint[0].isnan().all()
    assert joint[1].isfinite().all()
    assert count.tolist() == [1, int(keep[1].sum())]


class Kernels:
    """parzen_cuda, with a note of what was called."""

    def __init__(self):
        self.called = []

    def __getattr__(self, name):
        self.called.append(name)
        return getattr(parzen_cuda, name)


def test_mutual_information_takes_the_kernels_where_they_work(monkeypatch):
    images_ = [x.clamp(0, 1) for x in images()[:2]]
    monkeypatch.setattr(parzen, "COMPILED_FOR", ())
    found, kernels = [], Kernels()
    for choice in (None, kernels):
        monkeypatch.setattr(parzen, "kernels_for", lambda _, choice=choice: choice)
        pair = [image.clone().requires_grad_() for image in images_]
        value = mutual_information(*pair)
        found.append((value.detach(), *torch.autograd.grad(value.sum(), pair)))
    assert kernels.called == ["joint_sums", "gradient", "gradient"]
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("fault", ["no compiler", "wrong sums"])
def test_kernels_that_do_not_work_are_given_up_with_a_reason(fault, monkeypatch, caplog):
    parzen_cuda.try_out(DEVICE)
    launch = parzen_cuda._launch

    def broken(*arguments, **options):
        if fault == "no compiler":
            raise RuntimeError(fault)
        launch(*arguments, **options)
        arguments[2][0].zero_()

    monkeypatch.setattr(parzen_cuda, "_launch", broken)
    monkeypatch.setattr(parzen_cuda, "try_out", lambda _, on=parzen_cuda.try_out: on(DEVICE))
    parzen.kernels_for.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert parzen.kernels_for(torch.device("cuda")) is None
    parzen.kernels_for.cache_clear()
    assert ("no compiler" if fault == "no compiler" else "wrong results") in caplog.text


def test_kernels_are_for_cuda_alone():
    assert parzen.kernels_for(torch.device("cpu")) is None
    if DEVICE.type == "cuda":
        assert parzen.kernels_for(DEVICE) is parzen_cuda


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from regbench.models import parzen_cuda as module

images = {"fixed": "*fp32", "moving": "*fp32", "keep": "*u8"}
sizes = {"voxels": "i32", "cells": "i32"}
constants = {"MASKED": True, "BLOCK": module.BLOCK, "SLOTS": module.SLOTS}
for kernel, types, flags in (
    (module._add_moments, images | {"moments": "*i64", "counts": "*i64"} | sizes | {"unit": "fp32"}, {}),
    (module._look_up, images | {"table": "*fp32", "out": "*fp32"} | sizes, {"OF_MOVING": True}),
):
    constexprs = constants | flags
    source = ASTSource(kernel, types | dict.fromkeys(constexprs, "constexpr"), constexprs)
    for capability in (75, 80, 90, 120):
        options = {"num_warps": module.WARPS, "enable_fp_fusion": False}
        made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
        print(kernel.__name__, capability, len(made.asm["cubin"]))
"""


def test_kernels_compile_for_cuda(tmp_path):
    """To machine code, which needs no GPU, from Turing to Blackwell: what the interpreter cannot show."""
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 8
