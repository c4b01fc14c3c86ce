"""Maps and scans of a toy template: a ball, white in one half and CSF in the other."""

import numpy as np
import pytest

from regbench.data import _maps
from regbench.data._maps import Maps, draw_pose, make_maps
from regbench.data._scan import ORIENTATIONS, draw_grid, scan
from regbench.data._template import LEVELS, Template
from regbench.data._tissue import Anatomy, alter, bias_field, rician, smooth_noise
from regbench.geometry.grid import Grid, centred_grid

SAME = Anatomy(pial=0.0, white=0.0, uneven=0.0, widening=0.0)


@pytest.fixture(scope="module")
def ball():
    grid = centred_grid((64, 64, 64), (1.0, 1.0, 1.0), np.zeros(3))
    points = grid.points()
    mask = (points**2).sum(axis=0) < 28**2
    tissue = np.where(points[0] < 0, 2.0, 0.0).astype(np.float32)
    labels = np.where(mask, 1, 0).astype(np.int16)
    return Template(grid, tissue, mask.astype(np.float32), labels, np.zeros_like(tissue), dict(LEVELS), {})


@pytest.fixture
def still(ball):
    grid = centred_grid((20, 20, 20), (4.0, 4.0, 4.0), np.zeros(3))
    return Maps(np.zeros((3, 20, 20, 20), np.float32), grid, np.zeros((3, 20, 20, 20), np.float32), grid, {})


def test_a_voxel_across_a_border_holds_the_mean_of_its_parts(ball, still):
    # Voxels of 4 mm whose planes along x are 1 mm short of, or 3 mm beyond, the border at x = 0.
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = [-21.0, -22.0, -22.0]
    grid = Grid((11, 12, 12), affine)
    session = scan(ball, still, grid, [1], noise=0.0, bias=0.0, lesions=0.0)
    planes = session.images["T1w"][:, 4:8, 4:8].mean(axis=(1, 2)) / 1000
    white, csf = planes[2], planes[8]
    assert (planes[5] - csf) / (white - csf) == pytest.approx(0.75, abs=0.08)


def test_scan_keeps_a_brain_only_and_labels_only_there(ball, still):
    grid = draw_grid(np.random.default_rng(0), ball.grid.points()[:, ball.mask > 0.5], (3.0, 3.0, 3.0))
    session = scan(ball, still, grid, [2], noise=0.03, bias=0.1, lesions=1.0)
    inside = np.linalg.norm(grid.points(), axis=0) < 25
    assert (session.mask[inside] == 1).all()
    assert not session.mask[np.linalg.norm(grid.points(), axis=0) > 31].any()
    np.testing.assert_array_equal(session.images["T2w"] > 0, session.mask > 0)
    assert not session.labels[session.mask == 0].any()
    assert session.labels[inside].all()
    assert session.report["lesions"] >= 1


def test_lesions_are_dark_on_t1_bright_on_t2_and_nowhere_without_them(ball, still):
    grid = centred_grid((28, 28, 28), (2.0, 2.0, 2.0), np.zeros(3))
    without, with_lesions = (scan(ball, still, grid, [3], 0.0, 0.0, share) for share in (0.0, 1.0))
    t1, t2 = (with_lesions.images[c].astype(float) - without.images[c] for c in ("T1w", "T2w"))
    changed = np.abs(t1) > 50
    assert 5 < changed.sum() < 0.1 * without.mask.sum()
    assert t1[changed].mean() < -50
    assert t2[changed].mean() > 50


def test_scans_come_in_several_orientations_and_hold_the_whole_brain(ball):
    points = ball.grid.points()[:, ball.mask > 0.5]
    seen = set()
    for seed in range(30):
        grid = draw_grid(np.random.default_rng(seed), points, (1.0, 2.0, 3.0))
        index = grid.to_index(points)
        assert (index.min(axis=1) > 0).all()
        assert (index.max(axis=1) < np.array(grid.shape) - 1).all()
        np.testing.assert_allclose(grid.spacing, [1.0, 2.0, 3.0])
        seen.add(tuple(np.rint(grid.direction).ravel().tolist()))
    assert len(seen) == len(ORIENTATIONS)


def test_pose_turns_at_most_ten_degrees_and_keeps_its_hand():
    for seed in range(20):
        pose = draw_pose(np.random.default_rng(seed), np.zeros(3))
        turn, stretch = np.linalg.qr(pose[:3, :3])
        turn = turn * np.sign(np.diag(stretch))
        assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) <= 10 + 1e-6
        assert np.abs(np.abs(np.diag(stretch)) - 1).max() < 0.1


def test_warp_with_a_fault_is_replaced_and_reported(ball, monkeypatch):
    faults = iter(["a fold", ""])
    monkeypatch.setattr(_maps, "_fault", lambda report: next(faults))
    maps = make_maps(ball, ["bspline"], 7, np.eye(4), 1.0, 4.0)
    assert maps.report["rejected"] == ["a fold"]
    assert maps.report["mean_mm"] == pytest.approx(0.92, rel=0.1)


def test_population_that_cannot_be_made_without_folding_is_an_error(ball, monkeypatch):
    monkeypatch.setattr(_maps, "LEAST_JACOBIAN", 5.0)
    with pytest.raises(RuntimeError, match=r"Jacobian.*lower amplitude_mm"):
        make_maps(ball, ["radial"], 7, np.eye(4), 1.0, 5.0)


def test_pure_tissue_stays_and_borders_move():
    tissue = np.array([[0.0, 0.5, 1.0, 1.5, 2.0]])
    none = np.zeros_like(tissue)
    shifts = np.zeros((2, 1))
    np.testing.assert_allclose(alter(tissue, none, shifts, SAME), tissue)
    thicker = alter(tissue, none, shifts, Anatomy(pial=0.2, white=-0.2, uneven=0.0, widening=0.0))
    np.testing.assert_allclose(thicker, [[0.0, 0.7, 1.0, 1.3, 2.0]])


def test_ventricles_widen_into_what_lies_beside_them():
    near = np.linspace(1, 0, 101)[None]
    white = np.full_like(near, 2.0)
    sizes = [
        (alter(white, near, np.zeros((2, 1)), Anatomy(0.0, 0.0, 0.0, widening)) < 1).sum()
        for widening in (0.0, 0.5, 1.0)
    ]
    assert sizes == sorted(sizes)
    assert sizes[2] - sizes[0] > 30


def test_bias_and_texture_have_the_deviation_that_is_asked_for():
    rng = np.random.default_rng(0)
    assert np.log(bias_field(rng, (20, 24, 28), 0.1)).std() == pytest.approx(0.1)
    assert smooth_noise(rng, (20, 24, 28), np.array([2.0, 1.0, 1.0])).std() == pytest.approx(1.0, abs=1e-5)


def test_noise_is_rician():
    rng = np.random.default_rng(0)
    background = rician(rng, np.zeros(200_000), 2.0)
    bright = rician(rng, np.full(200_000, 100.0), 2.0)
    assert background.mean() == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=0.01)  # a Rayleigh distribution
    assert bright.std() == pytest.approx(2.0, rel=0.01)
