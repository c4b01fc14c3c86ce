"""The training loop: what it leaves behind, how it resumes after a kill, and how it fails."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from regbench.geometry.grid import Grid
from regbench.geometry.images import write_volume
from regbench.methods.contract import importable, load_method
from regbench.methods.discovery import MethodFile
from regbench.models.files import load_model
from regbench.models.settings import TrainingSettings
from regbench.models.trainer import rate
from regbench.models.training import train_model
from regbench.runs.keys import own_parts

SHAPE = (6, 7, 8)


class Brightness:
    """A method of one weight, which learns how much brighter the fixed image is; it pauses so that it can be killed."""

    def __init__(self, pause=0.0, fail_at=None, **training):
        self.options = {"pause": pause, "fail_at": fail_at} | training
        self.training = TrainingSettings(**training)
        self.pause, self.fail_at, self.calls, self.threads = pause, fail_at, 0, set()

    def network(self, shape):
        return Scale()

    def loss(self, fixed, moving, output):
        self.calls += 1
        self.threads.add(torch.get_num_threads())
        time.sleep(self.pause)
        if self.calls == self.fail_at:
            raise RuntimeError("this loss fails on purpose")
        difference = (output - fixed).square().mean()
        return difference, {"difference": difference}


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(0.1 * torch.rand(3))
        self.drop = nn.Dropout(0.05)  # a random part, whose draws must be the same after a kill

    def forward(self, fixed, moving):
        return moving * self.drop(self.scale).sum()


class Explodes(Brightness):
    def loss(self, fixed, moving, output):
        loss, parts = super().loss(fixed, moving, output)
        return (loss * torch.nan if torch.is_grad_enabled() else loss), parts


class OnceWild(Brightness):
    """One step's loss, the tenth's, is a million times as large."""

    def loss(self, fixed, moving, output):
        loss, parts = super().loss(fixed, moving, output)
        return (loss * 1e6 if self.calls == 12 else loss), parts  # two validations come before the first step


class Worsens(Brightness):
    def loss(self, fixed, moving, output):
        loss, parts = super().loss(fixed, moving, output)
        return (-loss if torch.is_grad_enabled() else loss), parts


class NeedsTooMuch(Brightness):
    def network(self, shape):
        raise MemoryError


def pairs(folder: Path, split: str, count: int) -> list:
    generator = np.random.default_rng(len(split))
    records = []
    for number in range(count):
        sides = {}
        image = generator.random(SHAPE, np.float32)
        for side, data in (("fixed", image), ("moving", image * 0.5)):
            path = folder / f"{split}{number}_{side}.nii"
            if not path.exists():
                write_volume(path, data, Grid(SHAPE, np.diag([3.0, 3, 3, 1])))
            sides[side] = {"subject": f"{split}{number}", "contrast": "T1w", "image": str(path)}
        records.append({"pair": f"{split}{number}", "status": "ok"} | sides)
    return records


def train(method, folder: Path, seed=1, limit=600.0, val=2, status="ok"):
    train_pairs = pairs(folder, "train", 3)
    for pair in train_pairs:
        pair["status"] = status
    return train_model(
        method,
        train_pairs,
        pairs(folder, "val", val),
        folder=folder / "model",
        seed=seed,
        threads=1,
        device="cpu",
        limit_seconds=limit,
    )


SETTINGS = {"steps": 60, "learning_rate": 0.05, "validate_every": 20, "flip": [0], "checkpoint_seconds": 0.0}


def weights(folder: Path) -> torch.Tensor:
    return load_model(folder / "model" / "model.pt")[0]["scale"]


def curve(record, split: str, name: str = "loss") -> dict[int, float]:
    """A term's values by step."""
    rows = csv.DictReader(Path(record["curve"]).read_text().splitlines())
    return {
        int(row["step"]): float(row["value"]) for row in rows if (row["split"], row["name"]) == (split, name)
    }


def test_training_leaves_a_model_a_curve_and_a_record(tmp_path):
    record = train(Brightness(**SETTINGS), tmp_path)
    assert record == json.loads((tmp_path / "model" / "record.json").read_text())
    assert record["status"] == "ok"
    assert (record["steps"], record["parameters"]) == (60, 3)
    assert record["best_step"] in (20, 40, 60)  # not 0, the untrained network
    losses = list(curve(record, "train").values())
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    assert list(curve(record, "val", "difference")) == [0, 20, 40, 60]
    assert list((tmp_path / "model" / "tensorboard").iterdir())
    assert not (tmp_path / "model" / "checkpoint.pt").exists()
    facts = load_model(Path(record["model"]))[1]
    assert facts.shape == SHAPE
    assert tuple(facts.contrasts) == ("T1w", "T1w")


def test_same_seed_same_weights_and_another_seed_others(tmp_path):
    found = []
    for seed in (1, 1, 2):
        train(Brightness(**SETTINGS), tmp_path, seed=seed)
        found.append(weights(tmp_path))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_the_model_kept_is_the_best_on_validation_pairs(tmp_path):
    record = train(Brightness(**SETTINGS | {"learning_rate": 0.5, "steps": 100}), tmp_path)
    losses = curve(record, "val")
    assert record["best_step"] == min(losses, key=lambda step: losses[step])


def test_a_training_that_only_worsens_keeps_the_untrained_network_and_says_so(tmp_path, caplog):
    record = train(Worsens(**SETTINGS), tmp_path)
    assert record["best_step"] == 0
    torch.manual_seed(1)
    assert torch.equal(weights(tmp_path), Scale().scale)
    assert "than the untrained network, which is therefore kept" in caplog.text


def test_one_wild_step_does_not_stop_the_training_unless_clipping_is_off(tmp_path):
    last = {}
    for clip_norm in (1.0, None):
        folder = tmp_path / str(clip_norm)
        folder.mkdir()
        last[clip_norm] = curve(train(OnceWild(**SETTINGS, clip_norm=clip_norm), folder), "val")[60]
    assert last[1.0] < 0.1 * last[None]


@pytest.mark.parametrize("length", [0.0, -1.0])
def test_a_length_that_no_gradient_has_is_refused(length):
    with pytest.raises(ValueError, match=r"clip_norm=.*expected a length above 0, or null"):
        TrainingSettings(steps=1, clip_norm=length)


def test_training_keeps_to_its_threads(tmp_path, threads):
    threads(2)
    method = Brightness(**SETTINGS)
    train(method, tmp_path)
    assert method.threads == {1}


def test_training_time_holds_every_step_and_validation_and_no_waiting(tmp_path, monkeypatch):
    class Slow(Brightness):
        """By a clock of its own, on which every loss takes a second and nothing else takes any time."""

        def loss(self, fixed, moving, output):
            clock.now += 1
            return super().loss(fixed, moving, output)

    @contextmanager
    def waiting(mode):
        assert mode == "shared"
        clock.now += 1000  # for a timed run to end
        yield 1000.0

    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr("regbench.models.trainer.time", clock)
    monkeypatch.setattr("regbench.models.parallel.machine_lock", waiting)
    record = train(Slow(**SETTINGS), tmp_path, limit=70)
    assert record["status"] == "ok"
    assert record["seconds"] == 60 + 4 * 2  # four validations of two pairs, the first of them at once
    assert record["waited_seconds"] == 1000


def test_without_validation_pairs_the_last_network_is_kept(tmp_path):
    assert train(Brightness(**SETTINGS), tmp_path, val=0)["best_step"] == 60


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import SETTINGS, Brightness, train
train(Brightness(pause=0.02, **SETTINGS), Path({folder!r}))
"""


def test_killed_and_started_again_ends_with_the_very_same_weights(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in (undisturbed, killed):
        folder.mkdir()
    train(Brightness(pause=0.0, **SETTINGS), undisturbed)
    script = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(killed))
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": "1"})
    checkpoint = killed / "model" / "checkpoint.pt"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists()
    step = torch.load(checkpoint, weights_only=True)["state"]["step"]
    assert 0 < step < 60
    train(Brightness(pause=0.02, **SETTINGS), killed)
    assert torch.equal(weights(killed), weights(undisturbed))
    curves = [(folder / "model" / "curve.csv").read_text() for folder in (killed, undisturbed)]
    assert curves[0] == curves[1]


def test_a_checkpoint_of_other_settings_is_not_resumed(tmp_path):
    train(Brightness(**SETTINGS | {"steps": 200}, pause=0.02), tmp_path, limit=0.3)
    assert (tmp_path / "model" / "checkpoint.pt").exists()
    method = Brightness(**SETTINGS)
    train(method, tmp_path)
    assert method.calls == 60 + 4 * 2  # every step anew, and four validations of two pairs


def test_time_limit_ends_as_a_record_and_a_higher_one_goes_on(tmp_path):
    record = train(Brightness(pause=0.02, **SETTINGS), tmp_path, limit=0.3)
    assert record["status"] == "timeout"
    assert record["model"] is None
    assert 0 < record["steps"] < 60
    method = Brightness(pause=0.02, **SETTINGS)
    assert train(method, tmp_path)["status"] == "ok"
    assert method.calls < 60 + 4 * 2


def test_a_loss_of_nan_ends_as_a_record_that_says_what_to_do(tmp_path):
    record = train(Explodes(**SETTINGS), tmp_path)
    assert record["status"] == "error"
    assert "lower the learning rate" in record["message"]
    assert not (tmp_path / "model" / "model.pt").exists()


def test_an_exception_ends_as_a_record_with_its_last_lines(tmp_path):
    record = train(Brightness(fail_at=17, **SETTINGS), tmp_path)
    assert record["status"] == "error"
    assert record["message"] == "RuntimeError: this loss fails on purpose"
    assert record["log_tail"][-1] == "RuntimeError: this loss fails on purpose"
    assert json.loads((tmp_path / "model" / "record.json").read_text())["steps"] == 14


def test_out_of_memory_has_a_status_of_its_own(tmp_path):
    assert train(NeedsTooMuch(**SETTINGS), tmp_path)["status"] == "oom"


def test_a_training_that_is_finished_is_not_done_again_while_all_is_as_it_was(tmp_path):
    given = pairs(tmp_path, "train", 3), pairs(tmp_path, "val", 2)

    def trained(method, **changed):
        rest = {"seed": 1, "threads": 1, "device": "cpu", "limit_seconds": 600.0} | changed
        return train_model(method, *given, folder=tmp_path / "model", **rest), method.calls

    first, _ = trained(Brightness(**SETTINGS))
    (tmp_path / "model" / "record.json").unlink()  # as Snakemake does before it starts a job again
    assert trained(Brightness(**SETTINGS)) == (first, 0)
    assert json.loads((tmp_path / "model" / "record.json").read_text()) == first
    for changed in ({"seed": 2}, {"threads": 2}):
        assert trained(Brightness(**SETTINGS), **changed)[1] > 0
    trained(Brightness(**SETTINGS))
    assert trained(Explodes(**SETTINGS))[0]["status"] == "error"  # having begun to write over the model
    assert trained(Brightness(**SETTINGS))[1] > 0


def test_a_class_of_one_s_own_is_trained_again_when_its_code_or_what_it_imports_changes(
    tmp_path, monkeypatch
):
    given = pairs(tmp_path, "train", 2), []
    methods = tmp_path / "methods"
    methods.mkdir()
    (methods / "own_step.py").write_text("STEPS = 3\n")
    code = "from own_step import STEPS\nfrom tests.models.test_training import Brightness\nclass Own(Brightness):\n    pass\n"

    def trained() -> int:
        for name in ("own_class", "own_step"):
            sys.modules.pop(name, None)
        with importable(methods):
            method = load_method("own_class:Own", SETTINGS)
        rest = {"seed": 1, "threads": 1, "device": "cpu", "limit_seconds": 600.0}
        declared = MethodFile(
            "own_class", methods / "own_class.smk", "Own", python="own_class:Own", packages=("scipy",)
        )
        train_model(method, *given, folder=tmp_path / "model", depends=own_parts(declared, SETTINGS), **rest)
        return method.calls

    (methods / "own_class.py").write_text(code)
    assert trained() > 0
    (methods / "own_class.py").write_text("# only a comment\n" + code)
    assert trained() == 0
    (methods / "own_class.py").write_text(code + "    more = 1\n")
    assert trained() > 0
    (methods / "own_step.py").write_text("STEPS = 30\n")
    assert trained() > 0
    (methods / "own_class.txt").write_text("data that its class reads\n")
    assert trained() > 0
    monkeypatch.setattr("regbench.runs.environments.version_of_module", lambda module: "99.0")
    assert trained() > 0
    assert trained() == 0


def test_without_prepared_pairs_training_is_skipped(tmp_path):
    record = train(Brightness(**SETTINGS), tmp_path, status="error")
    assert record["status"] == "skipped"
    assert "upstream" in record["message"]


def test_an_interrupt_is_raised(tmp_path):
    class Interrupted(Brightness):
        def loss(self, fixed, moving, output):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Interrupted(**SETTINGS), tmp_path)


def test_learning_rate_rises_then_falls_to_zero():
    settings = TrainingSettings(steps=100, schedule="cosine", warmup=0.1)
    shares = [rate(step, 100, settings) for step in range(100)]
    assert max(shares) == pytest.approx(0.98, abs=0.02)
    assert np.argmax(shares) == pytest.approx(10, abs=1)
    assert shares[0] < 0.1
    assert shares[-1] < 0.001
    assert {rate(step, 100, TrainingSettings(steps=100)) for step in range(100)} == {1.0}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"steps": 1, "epochs": 1},
        {"steps": 0},
        {"steps": 1, "schedule": "zigzag"},
        {"steps": 1, "batch": 0},
        {"steps": 1, "flip": [3]},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"expected|at least"):
        TrainingSettings(**wrong)


def test_epochs_count_pairs():
    assert TrainingSettings(epochs=3, batch=2).total(pairs=5) == 9
