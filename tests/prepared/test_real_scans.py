"""Real scans: whole brains of different people, and two contrasts of one head with skull and thick slices."""

import numpy as np
import pytest

from regbench.geometry.grid import Grid, apply_affine
from regbench.geometry.images import Volume, read_volume
from regbench.prepared.affine import register_affine
from regbench.prepared.reference import prepare_reference
from regbench.prepared.subject import prepare_subject
from regbench.study import AffineSettings
from tests.prepared.phantoms import task_with, transform_of
from tests.prepared.test_subject import labels_through

pytestmark = pytest.mark.shared


def test_affine_alone_brings_labels_of_two_people_to_the_expected_overlap(shared_data, tmp_path):
    malf = shared_data / "malf"
    if not malf.is_dir():
        pytest.skip(f"needs {malf}")
    task = task_with("reference", shape=(96, 112, 96), spacing=(2, 2, 2))
    data = {
        name: {
            "subject": name,
            "status": "ok",
            "images": {"T1w": str(malf / f"{name}_T1w.nii.gz")},
            "labels": str(malf / f"{name}_labels.nii.gz"),
        }
        for name in ("1000", "1001")
    }
    reference = prepare_reference(data["1000"], task, tmp_path / "reference.json")
    sides = [
        prepare_subject(d, task, reference, tmp_path / f"{d['subject']}.json")["sides"]["T1w"]
        for d in data.values()
    ]
    first, second = (labels_through(side) for side in sides)
    counts = [np.bincount(labels[labels > 0], minlength=300) for labels in (first, second)]
    shared = np.bincount(first[(first == second) & (first > 0)], minlength=300)
    present = counts[0] + counts[1] > 0
    assert np.mean(2 * shared[present] / (counts[0] + counts[1])[present]) > 0.36


def test_thick_slices_of_another_contrast_are_aligned_within_a_head_from_afar(shared_data):
    anat = shared_data / "ds000011" / "sub-01" / "anat"
    if not anat.is_dir():
        pytest.skip(f"needs {anat}")
    fixed, moving = (read_volume(anat / f"sub-01_{c}.nii.gz") for c in ("inplaneT2", "T1w"))
    here, _ = register_affine(fixed, moving, AffineSettings(starts=4))
    away = transform_of((0, 0, 40), shift=(30, -60, 20))
    turned = Volume(moving.data, Grid(moving.data.shape, away @ moving.grid.affine), path=moving.path)
    there, _ = register_affine(fixed, turned, AffineSettings(starts=4))
    index = np.indices(fixed.data.shape)[:, 32:96:8, 32:96:8, 4:26:4]
    points = fixed.grid.to_points(index)
    gap = np.linalg.norm(apply_affine(away @ here, points) - apply_affine(there, points), axis=0)
    assert gap.mean() < 2.0  # both starts end in one place
    turn = np.rad2deg(np.arcsin(here[1, 2]))
    assert 8 < turn < 16  # the head nodded by about 12 degrees between the two scans, as a look at them shows


@pytest.mark.parametrize("subject", ["sub-01", "sub-06", "sub-08"])
def test_a_head_meets_its_own_thick_slices_whichever_of_them_is_fixed(shared_data, subject):
    anat = shared_data / "ds000011" / subject / "anat"
    if not anat.is_dir():
        pytest.skip(f"needs {anat}")
    t1, t2 = (read_volume(anat / f"{subject}_{contrast}.nii.gz") for contrast in ("T1w", "inplaneT2"))
    there, _ = register_affine(t1, t2, AffineSettings(starts=4))
    back, _ = register_affine(t2, t1, AffineSettings(starts=4))
    assert np.allclose(there @ back, np.eye(4), atol=1e-6)
    scales = np.linalg.svd(there[:3, :3])[1]
    assert 0.95 < scales.min() <= scales.max() < 1.08  # one person, one head
