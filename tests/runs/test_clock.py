"""The clock is honest: timed runs are alone, threads are as set, memory is a run's own, the device has finished."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from regbench.methods.discovery import MethodFile
from regbench.provenance import environment
from regbench.runs import batch, worker
from regbench.runs.jobs import THREADS
from tests.runs.stamping import overlapping, spans
from tests.runs.tiny import HERE, ODD, make_pair, run, run_identity

ROOT = HERE.parents[1]
STAMPS = MethodFile(name="stamps", path=HERE / "s.smk", label="Stamps", python="stamping:Stamps")
BATCH = """
import sys
from pathlib import Path
from tests.runs.test_clock import STAMPS
from tests.runs.tiny import run
folder, name, timed, meet, stamps = sys.argv[1:]
here = Path(folder) / name
here.mkdir()
while not (Path(folder) / "go").exists():
    pass
options = {"folder": stamps, "meet": int(meet)}
records = run(here, STAMPS, ["a"], timed=timed == "timed", options=options)
assert {record["status"] for record in records.values()} == {"ok"}, records
"""


def batches(folder: Path, kinds: list[str], meet: int = 1) -> None:
    """Run a batch of each kind, timed or accuracy, in a process each, all at once; each must end well."""
    commands = [
        [sys.executable, "-c", BATCH, str(folder), f"{kind}{number}", kind, str(meet), str(folder)]
        for number, kind in enumerate(kinds)
    ]
    processes = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    while not all((folder / f"{kind}{n}").exists() for n, kind in enumerate(kinds)):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.02)
    (folder / "go").touch()
    assert [process.wait() for process in processes] == [0] * len(kinds)


def test_a_timed_run_is_alone_whatever_runs_in_other_processes(tmp_path):
    batches(tmp_path, ["timed", "timed", "accuracy"])
    timed, accuracy = spans(tmp_path)
    assert (len(timed), len(accuracy)) == (2, 1)
    assert not overlapping(timed, accuracy)


def test_accuracy_runs_go_on_beside_each_other(tmp_path):
    batches(tmp_path, ["accuracy", "accuracy"], meet=2)  # each waits for the other while it holds the lock
    timed, accuracy = spans(tmp_path)
    assert (len(timed), len(accuracy)) == (0, 2)


def test_fields_are_stored_before_a_timed_run_may_begin(tmp_path, monkeypatch):
    order, halved = [], batch.halved

    @contextmanager
    def lock(mode):
        order.append(mode)
        yield 0.0
        order.append("free")

    monkeypatch.setattr(batch, "machine_lock", lock)
    monkeypatch.setattr(batch, "halved", lambda u: order.append("halved") or halved(u))
    run(tmp_path, ODD, ["good"], precision="half")
    assert order == ["shared", "halved", "free"]


HUNGRY = (
    'PYTHON -c \'import shutil, sys; x = b"1" * (400 * 2**20 if "large" in sys.argv[1] else 1);'
    " shutil.copy(*sys.argv[2:])' MOVING FIELD OUT"
)


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("kind", ["python", "command"])
def test_peak_memory_is_the_pairs_own_after_a_larger_one(tmp_path, kind, timed):
    method, options = ODD, {}
    if kind == "command":
        method = MethodFile("hungry", HERE / "h.smk", "Hungry", command=HUNGRY)
        options = {"field": run_identity(tmp_path / "made")}
    records = run(tmp_path, method, ["large", "small"], timed=timed, options=options)
    assert {record["status"] for record in records.values()} == {"ok"}
    assert records["large"]["peak_memory_mb"] - records["small"]["peak_memory_mb"] > 300


def test_the_first_call_of_a_process_is_not_a_steady_one(tmp_path):
    warming = MethodFile("warming", HERE / "w.smk", "Warming", python="misbehaving:Warming")
    for record in run(tmp_path, warming, ["a", "b"], timed=True, repetitions=1).values():
        cold, steady = (call["compute"] for call in record["calls"])
        assert cold >= 0.5
        assert record["phases"]["compute"] == steady < cold


def test_a_command_starts_with_its_threads_set(tmp_path):
    command = MethodFile(
        "c", HERE / "c.smk", "C", command='sh -c \'tr "\\\\0" "\\\\n" < /proc/$$/environ; exit 1\''
    )
    tail = run(tmp_path, command, ["good"], threads=3)["good"]["log_tail"]
    assert {f"{name}=3" for name in THREADS} <= set(tail)


class Device:
    """A CUDA device with a clock of its own: what is started takes time only once somebody waits for its end."""

    def __init__(self):
        self.now = self.queued = self.peak = 0.0

    def start(self, seconds, megabytes=0):
        self.queued += seconds
        self.peak = max(self.peak, megabytes * 2**20)

    def synchronize(self):
        self.now, self.queued = self.now + self.queued, 0.0

    def perf_counter(self):
        return self.now

    def is_initialized(self):
        return True

    def reset_peak_memory_stats(self):
        self.peak = 0.0

    def max_memory_allocated(self):
        return self.peak


class OnDevice:
    """Leaves work on the device wherever it can."""

    def __init__(self, device):
        self.device = device

    def setup(self, context):
        self.device.start(16)

    def for_pair(self, pair):
        self.device.start(1)
        self.pair = pair

    def register(self, fixed, moving):
        self.device.start(2, megabytes=300 if "large" in self.pair["pair"] else 100)
        return np.zeros((3, *fixed.grid.shape), np.float32)


@pytest.fixture
def device(monkeypatch) -> Device:
    """The worker of this process on a made-up device; checking a field takes it 8 seconds, writing one 4."""
    made, check = Device(), worker._check
    torch = SimpleNamespace(cuda=made, manual_seed=lambda seed: None, set_num_threads=lambda n: None)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(worker, "time", made)
    monkeypatch.setattr(worker, "load_method", lambda name, options: OnDevice(made))
    monkeypatch.setattr(worker, "_check", lambda *given: made.start(8) or check(*given))
    monkeypatch.setattr(worker, "write_field", lambda *given: made.start(4))
    return made


def test_every_reading_of_the_clock_waits_for_the_device(device, tmp_path):
    answers = StringIO()
    context = {"threads": 1, "device": "cuda", "seed": 0, "model": None}
    method = worker._setup({"python": "", "options": {}, "context": context, "torch": True}, answers)
    for name in ("large", "small"):
        device.start(32)  # what somebody else left behind
        request = {"pair": make_pair(tmp_path, name), "out": "", "calls": 2, "seed": 0}
        worker._serve(method, request, answers, 0)
    said = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert said[0] == {"event": "ready", "seconds": 16}
    calls = [answer for answer in said if answer["event"] == "call"]
    assert [(call["load"], call["compute"], call["save"]) for call in calls] == [(1, 2, 4)] * 4
    assert [answer["peak_device_memory_mb"] for answer in said if answer["event"] == "done"] == [300, 100]


def test_on_a_real_device_compute_lasts_until_its_kernels_have_ended(tmp_path):
    if environment()["gpu"] is None:
        pytest.skip("needs a CUDA device")
    kernels = MethodFile("k", HERE / "k.smk", "K", python="misbehaving:Kernels", devices=("cpu", "cuda"))
    record = run(tmp_path, kernels, ["a"], timed=True, device="cuda")["a"]
    assert record["status"] == "ok", record["log_tail"]
    busy = [float(line.split()[1]) for line in record["log_tail"] if line.startswith("busy")]
    assert len(busy) == 2
    assert all(call["compute"] > 0.99 * seconds for call, seconds in zip(record["calls"], busy, strict=False))
    assert record["peak_device_memory_mb"] >= 64  # its matrix


@pytest.mark.parametrize(("code", "loaded"), [("", False), ("import helper\n", True)])
def test_torch_is_loaded_for_methods_that_use_it_and_no_others(code, loaded, tmp_path):
    plain = (
        "import sys, numpy as np\n"
        f"{code}"
        "class Plain:\n"
        "    def setup(self, context):\n"
        "        pass\n"
        "    def register(self, fixed, moving):\n"
        "        print('torch' in sys.modules)\n"
        "        return np.zeros((3, *fixed.grid.shape), np.float32)\n"
    )
    (tmp_path / "plain.py").write_text(plain)
    (tmp_path / "helper.py").write_text("def late():\n    import torch\n")
    method = MethodFile("plain", tmp_path / "plain.smk", "Plain", python="plain:Plain")
    record = run(tmp_path, method, ["good"])["good"]
    assert record["status"] == "ok", record["log_tail"]
    assert record["log_tail"][-1] == str(loaded)
