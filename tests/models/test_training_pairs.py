"""Which pair is shown when, and images in memory."""

from pathlib import Path

import numpy as np
import pytest
import torch

from regbench.geometry.grid import Grid
from regbench.geometry.images import write_volume
from regbench.models import pairs as module
from regbench.models.pairs import Pairs, draw

CPU = torch.device("cpu")


def record(folder, name, contrasts=("T1w", "T1w"), shape=(4, 5, 6)):
    sides = {}
    for number, (side, contrast) in enumerate(zip(("fixed", "moving"), contrasts, strict=True)):
        path = folder / f"{name}_{side}.nii.gz"
        data = np.full(shape, number, np.float32)
        data[0] = 5
        write_volume(path, data, Grid(shape, np.diag([3.0, 3, 3, 1])))
        sides[side] = {"subject": name, "contrast": contrast, "image": str(path)}
    return {"pair": f"{name}__{name}", "status": "ok"} | sides


def test_every_pair_comes_once_before_any_comes_again():
    seen = [item for step in range(14) for item in draw(3, step, pairs=7, batch=2, flip=())[0]]
    assert [sorted(seen[start : start + 7]) for start in range(0, 28, 7)] == [list(range(7))] * 4
    assert seen[:7] != seen[7:14]


def test_draw_depends_on_seed_and_step_only():
    first = [draw(1, step, 5, 1, (0, 2)) for step in range(20)]
    assert first == [draw(1, step, 5, 1, (0, 2)) for step in range(20)]
    assert first != [draw(2, step, 5, 1, (0, 2)) for step in range(20)]
    assert {tuple(axes[0]) for _, axes in first} == {(), (0,), (2,), (0, 2)}


def test_batch_mirrors_both_images_of_a_pair(tmp_path):
    pairs = Pairs([record(tmp_path, "a"), record(tmp_path, "b")])
    fixed, moving = pairs.batch([0, 1], [[], [0, 2]], CPU)
    assert fixed.shape == moving.shape == (2, 1, 4, 5, 6)
    assert (fixed[0, 0, 0] == 5).all()
    assert (fixed[1, 0, -1] == 5).all()
    assert (moving[1, 0, -1] == 5).all()


def test_masks_are_a_second_channel_mirrored_with_the_image(tmp_path):
    masked = record(tmp_path, "a")
    for side in ("fixed", "moving"):
        mask = np.zeros((4, 5, 6), np.uint8)
        mask[1] = 1
        masked[side]["mask"] = str(tmp_path / f"{side}_mask.nii.gz")
        write_volume(masked[side]["mask"], mask, Grid((4, 5, 6), np.diag([3.0, 3, 3, 1])))
    pairs = Pairs([masked], masks=True)
    fixed, moving = pairs.batch([0], [[0]], CPU)
    assert fixed.shape == moving.shape == (1, 2, 4, 5, 6)
    assert (fixed[0, 0, -1] == 5).all()
    assert fixed[0, 1, :, 0, 0].tolist() == [0, 0, 1, 0]
    assert {Path(path).name for path, _, _ in pairs.files()} >= {"fixed_mask.nii.gz", "a_fixed.nii.gz"}
    with pytest.raises(ValueError, match=r"b__b: an image has no mask.*prepare\.mask"):
        Pairs([masked, record(tmp_path, "b")], masks=True)


def test_images_beyond_the_memory_share_are_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "room_for_images", lambda _: 0.0)
    pairs = Pairs([record(tmp_path, "a")])
    pairs.batch([0], [[]], CPU)
    assert not pairs._kept


def test_images_are_kept_on_the_device_and_what_does_not_fit_there_on_the_cpu(tmp_path, monkeypatch):
    device = torch.device("meta")  # stands for a GPU: it has shapes, but no values
    one = 4 * 5 * 6 * 4  # bytes of an image
    monkeypatch.setattr(module, "room_for_images", {device: 2.5 * one, CPU: 1.5 * one}.get)
    pairs = Pairs([record(tmp_path, "a"), record(tmp_path, "b")])
    for _ in range(2):
        fixed, moving = pairs.batch([0, 1], [[], [0]], device)
        assert fixed.device == moving.device == device
        assert sorted(image.device.type for image in pairs._kept.values()) == ["cpu", "meta", "meta"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_images_are_the_same_on_a_gpu(tmp_path):
    pairs = Pairs([record(tmp_path, "a")])
    for found, expected in zip(
        pairs.batch([0], [[1]], torch.device("cuda")),
        Pairs(pairs.records).batch([0], [[1]], CPU),
        strict=True,
    ):
        assert torch.equal(found.cpu(), expected)


def test_pairs_of_other_contrasts_or_grids_are_refused(tmp_path):
    first = record(tmp_path, "a")
    with pytest.raises(ValueError, match=r"b__b: contrasts"):
        Pairs([first, record(tmp_path, "b", contrasts=("T1w", "T2w"))])
    with pytest.raises(ValueError, match=r"b_fixed\.nii\.gz: its spacing or shape"):
        Pairs([first, record(tmp_path, "b", shape=(4, 5, 7))]).batch([1], [[]], CPU)
