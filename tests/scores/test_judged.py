"""The scores against code that shares nothing with the project, on real scans."""

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from regbench.geometry.fields import compose_affine, write_field
from regbench.geometry.grid import centred_grid
from regbench.geometry.images import read_volume, write_volume
from regbench.geometry.sampling import sample_volume
from regbench.scores.pair import score_pair
from regbench.study import ScoreSettings


@pytest.mark.shared
def test_dsc_folding_and_log_j_agree_with_the_field_judge(shared_data, tmp_path):
    judge = shared_data.parent / "tools" / "field_judge.py"
    scans = sorted(path.name.split("_")[0] for path in (shared_data / "malf").glob("*_T1w.nii.gz"))[:2]
    files = {
        (name, kind): shared_data / "malf" / f"{name}_{kind}.nii.gz"
        for name in scans
        for kind in ("T1w", "labels")
    }
    fixed, moving = (read_volume(files[name, "T1w"]) for name in scans)
    centres = [
        volume.grid.to_points(np.argwhere(volume.data > 0).T).mean(axis=1) for volume in (fixed, moving)
    ]
    grid = centred_grid((64, 80, 64), (3.0, 3.0, 3.0), centres[0])
    to_moving = np.eye(4)
    to_moving[:3, 3] = centres[1] - centres[0]
    u = folding_field(grid.shape)
    prepared = np.clip(sample_volume(fixed.data, fixed.grid, grid.points(), order=1) / 5000, 0, 1)
    write_volume(tmp_path / "fixed.nii.gz", prepared, grid)
    write_field(tmp_path / "field.nii.gz", u, grid)
    write_field(tmp_path / "with_affine.nii.gz", compose_affine(u, grid, grid, after=to_moving), grid)
    shared_side = {
        "image": str(tmp_path / "fixed.nii.gz"),
        "mask": None,
        "normalisation": {"low": 0.0, "high": 5000.0},
    }
    sides = [
        {
            **shared_side,
            "original": str(files[name, "T1w"]),
            "labels": str(files[name, "labels"]),
            "to_original": matrix,
        }
        for name, matrix in zip(scans, (np.eye(4).tolist(), to_moving.tolist()), strict=True)
    ]
    pair = {"pair": "__".join(scans), "fixed": sides[0], "moving": sides[1], "truth": None}
    run = {"task": "t", "fixed": scans[0], "moving": scans[1], "method": "m", "variant": "v", "repetition": 0}
    run |= {"status": "ok", "field": str(tmp_path / "field.nii.gz")}
    rows = score_pair(pair, run, ScoreSettings())
    ours = {row["metric"]: float(row["value"]) for row in rows if row["label"] == ""}
    words = [sys.executable, judge, *(files[name, kind] for kind in ("T1w", "labels") for name in scans)]
    told = subprocess.run(
        [*words, tmp_path / "with_affine.nii.gz"], check=True, capture_output=True, text=True
    )
    theirs = json.loads(told.stdout)
    assert ours["dsc"] == pytest.approx(theirs["dsc"], abs=2e-3)
    assert sum(row["metric"] == "dsc" and row["label"] != "" for row in rows) == theirs["labels"]
    assert ours["folding"] == pytest.approx(theirs["fold_percent"], abs=0.02)
    assert ours["folding"] > 0.1
    assert ours["sdlogj"] == pytest.approx(theirs["sdlogj"], rel=0.02)


def folding_field(shape) -> np.ndarray:
    """(3, D, H, W) float32 mm, so steep that some of it folds."""
    rng = np.random.default_rng(0)
    u = np.stack([ndimage.gaussian_filter(rng.standard_normal(shape), 3) for _ in range(3)])
    return (40 * u / np.abs(u).max()).astype(np.float32)
