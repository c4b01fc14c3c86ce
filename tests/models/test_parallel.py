"""A training divided among two processes has the losses of one process, writes its files once, and ends as one."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from regbench.geometry.grid import Grid
from regbench.geometry.images import write_volume
from regbench.models.parallel import Share

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, os, sys
from pathlib import Path
import torch
from regbench.methods.dmi_fast import DMIFast
from regbench.models.training import train_model

folder, out, steps, batch = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
pairs = json.loads((folder / "pairs.json").read_text())
method = DMIFast(
    bins=16, sigma=0.5, smoothness=0.1, widths=[4, 8], squarings=3,
    steps=steps, batch=batch, learning_rate=5e-3, validate_every=6, flip=[0], warp_voxels=0.5,
)
rank, sizes, usual = os.environ.get("RANK", "0"), set(), method.loss


def loss(fixed, moving, output):
    if os.environ.get("FAILING_RANK") == rank:
        raise MemoryError("on purpose")
    if torch.is_grad_enabled():
        sizes.add(len(fixed))
    return usual(fixed, moving, output)


method.loss = loss
train_model(method, pairs[:5], pairs[5:], folder=out, seed=3, threads=1, device="cpu", limit_seconds=600)
(out.parent / f"sizes_{out.name}_{rank}").write_text(str(sorted(sizes)))
"""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    generator, shape, records = np.random.default_rng(0), (14, 16, 12), []
    for number in range(8):
        sides = {}
        for side in ("fixed", "moving"):
            image = ndimage.gaussian_filter(generator.random(shape), 1.5)
            image = ((image - image.min()) / np.ptp(image)).astype(np.float32)
            path = folder / f"{number}_{side}.nii"
            write_volume(path, image, Grid(shape, np.diag([3.0, 3, 3, 1])))
            sides[side] = {"subject": f"s{number}", "contrast": "T1w", "image": str(path)}
        records.append({"pair": f"s{number}", "status": "ok"} | sides)
    (folder / "pairs.json").write_text(json.dumps(records))
    return folder


def train(pairs: Path, out: Path, processes: int, steps: int = 12, batch: int = 4, **extra: str) -> dict:
    (out.parent / "script.py").write_text(SCRIPT)
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(start if processes > 1 else []), str(out.parent / "script.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **extra}
    subprocess.run([*command, str(pairs), str(out), str(steps), str(batch)], env=environment, timeout=300)
    return json.loads((out / "record.json").read_text())


def losses(record: dict) -> list[tuple[str, str, str, float]]:
    rows = csv.DictReader(Path(record["curve"]).read_text().splitlines())
    return [(row["step"], row["split"], row["name"], float(row["value"])) for row in rows]


def test_two_processes_have_the_losses_of_one(pairs, tmp_path):
    one, two = (train(pairs, tmp_path / str(n), n) for n in (1, 2))
    assert (one["status"], two["status"]) == ("ok", "ok"), two
    assert (two["steps"], one["processes"], two["processes"]) == (12, 1, 2)
    sizes = [(tmp_path / f"sizes_{run}").read_text() for run in ("1_0", "2_0", "2_1")]
    assert sizes == ["[4]", "[2]", "[2]"]
    expected, found = losses(one), losses(two)
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    assert [row[3] for row in found] == pytest.approx([row[3] for row in expected], rel=1e-4)
    assert (tmp_path / "2" / "model.pt").exists()


def test_a_batch_that_cannot_be_divided_ends_both_with_a_record(pairs, tmp_path):
    record = train(pairs, tmp_path / "model", processes=2, batch=3)
    assert record["status"] == "error"
    assert "batch=3 cannot be divided among 2 processes" in record["message"]


def test_one_process_that_fails_ends_both_and_its_reason_stays(pairs, tmp_path):
    record = train(pairs, tmp_path / "model", processes=2, FAILING_RANK="1")
    assert (record["status"], record["message"]) == ("oom", "on purpose")


def test_shares_of_a_batch_are_all_of_it_once():
    batch = list(range(6))
    assert sorted(item for rank in range(3) for item in Share(rank, 3).of(batch)) == batch
    assert Share().of(batch) == batch


def test_turns_cover_all_items_once_and_are_as_many_for_all():
    turns = [Share(rank, 3).turns(7) for rank in range(3)]
    assert {len(turn) for turn in turns} == {3}
    assert sorted(item for turn in turns for item, counts in turn if counts) == list(range(7))
