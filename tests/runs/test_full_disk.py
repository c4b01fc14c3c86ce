"""A disk that is full, for a method's field and for regbench's own records: nothing computed is lost, and it is told."""

import json
import subprocess
import sys

import pytest

from tests.runs.tiny import HERE

ROOT = HERE.parents[1]
SCRIPT = HERE / "full_disk" / "run_on_small_disk.py"
NAMESPACE = ["unshare", "--map-root-user", "--mount"]


def run_on_small_disk(folder, method: str) -> dict:
    probe = [*NAMESPACE, "mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(folder)]
    try:
        refused = subprocess.run(probe, capture_output=True, text=True).stderr
    except FileNotFoundError as error:
        refused = str(error)
    if refused:
        pytest.skip(f"a small disk needs a namespace in which a tmpfs can be mounted: {refused.strip()}")
    command = [
        *NAMESPACE,
        sys.executable,
        "-m",
        "tests.runs.full_disk.run_on_small_disk",
        str(folder),
        method,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("method", "status", "message"),
    [
        ("fills_out", "error", "exit status 1; no space is left on the disk of "),
        ("fills_out_silently", "invalid", "; no space is left on the disk of "),
        ("leaves_little", "error", "OSError: [Errno 28] No space left on device: '"),
    ],
)
def test_a_field_for_which_there_is_no_room_costs_its_pair_and_is_told_with_its_place(
    tmp_path, method, status, message
):
    seen = run_on_small_disk(tmp_path, method)["full"]
    assert seen["raised"] is None
    record = seen["records"]["F__bad"]
    assert record["status"] == status
    assert message in record["message"]
    assert str(tmp_path / "runs") in record["message"]
    assert record["field"] is None
    assert seen["records"]["F__good"]["status"] == "ok"
    assert {"F__good.nii.gz", "F__good.json"} <= set(seen["files"])
    assert not [name for name in seen["files"] if name.startswith(".")]
    assert seen["records"]["F__good1"]["status"] == "ok"


def test_a_record_for_which_there_is_no_room_ends_the_batch_and_the_same_call_goes_on(tmp_path):
    seen = run_on_small_disk(tmp_path, "fills_disk")
    full, after = seen["full"], seen["after"]
    assert full["raised"] == f"[Errno 28] No space left on device: '{tmp_path / 'runs' / 'F__bad.json'}'"
    assert set(full["records"]) == {"F__good"}
    assert not [name for name in full["files"] if name.startswith(".")]
    assert after["raised"] is None
    assert {name: record["status"] for name, record in after["records"].items()} == dict.fromkeys(("F__good", "F__bad", "F__good1"), "ok")  # fmt: skip
    assert after["records"]["F__good"] == full["records"]["F__good"]  # not run again
