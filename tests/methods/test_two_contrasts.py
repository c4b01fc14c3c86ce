"""Between real heads of two contrasts every fast method without training, as it comes, does better than the affine alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from regbench.geometry.fields import read_field
from regbench.prepared.reference import prepare_reference
from regbench.prepared.subject import prepare_subject
from regbench.scores.overlap import dice, mean_over_labels
from tests.methods.test_contract import METHODS, skip_unless_it_can_run
from tests.prepared.phantoms import task_with
from tests.prepared.test_subject import labels_through
from tests.runs.tiny import run

pytestmark = pytest.mark.shared
UNTRAINED = ("bspline", "syn", "greedy_nmi", "convexadam", "dmi_io")  # FireANTs takes a minute a pair


@pytest.fixture(scope="module")
def heads(shared_data, tmp_path_factory) -> tuple[dict, dict]:
    """Two people of the training split, aligned: T1w of the first (fixed), a T2w made of the other's T1w (moving)."""
    malf, tool = shared_data / "malf", shared_data.parent / "tools" / "second_contrast.py"
    for needed in (malf, tool):
        if not needed.exists():
            pytest.skip(f"needs {needed}")
    folder = tmp_path_factory.mktemp("heads")
    task = task_with("reference", moving="T2w", shape=(80, 104, 88), spacing=(2, 2, 2))
    data = {name: _data(malf, tool, name, folder) for name in ("1008", "1007")}
    reference = prepare_reference(data["1008"], task, folder / "reference.json")
    first, second = (
        prepare_subject(each, task, reference, folder / f"{name}.json")["sides"]
        for name, each in data.items()
    )
    return first["T1w"], second["T2w"]


@pytest.mark.parametrize("name", UNTRAINED)
def test_more_labels_overlap_than_after_the_affine(name, heads, tmp_path):
    method, (fixed, moving) = METHODS[name], heads
    skip_unless_it_can_run(method)
    pair = {"pair": "f__m", "status": "ok", "message": "", "truth": None, "fixed": fixed, "moving": moving}
    record = run(tmp_path, method, [pair], options=method.options, threads=2, seconds=300)["m"]
    assert record["status"] == "ok", record["log_tail"]
    target, before = labels_through(fixed), labels_through(moving)
    after = labels_through(moving, displacement=read_field(record["field"])[0])
    overlaps = [mean_over_labels(dice(target, labels)) for labels in (before, after)]
    assert overlaps[1] > overlaps[0]


def _data(malf: Path, tool: Path, name: str, folder: Path) -> dict:
    first, second = malf / f"{name}_T1w.nii.gz", folder / f"{name}_T2w.nii.gz"
    subprocess.run([sys.executable, tool, first, second, name], check=True)
    labels = str(malf / f"{name}_labels.nii.gz")
    return {
        "subject": name,
        "status": "ok",
        "images": {"T1w": str(first), "T2w": str(second)},
        "labels": labels,
    }
