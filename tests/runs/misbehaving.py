"""A method that does what the moving subject's name says, in the supervisor's worker."""

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from regbench.runs.jobs import THREADS


class Odd:
    def setup(self, context):
        self.context = context

    def for_pair(self, pair):
        self.subject = pair["moving"]["subject"]
        self.folder = Path(pair["moving"]["image"]).parent

    def register(self, fixed, moving):
        action = getattr(self, self.subject.rstrip("0123456789"))
        self.result = np.zeros((3, *fixed.grid.shape), np.float32)
        action()
        return self.result

    def good(self):
        pass

    def crash(self):
        print("about to crash")
        raise RuntimeError("as asked")

    def segfault(self):
        ctypes.string_at(0)

    def leave(self):
        sys.exit(3)

    def hang(self):
        time.sleep(3600)

    def slow(self):
        with open(self.folder / "started", "a") as file:
            file.write(f"{self.subject} {os.getpid()}\n")
        time.sleep(0.4)

    def hoard(self):
        self.kept = [np.ones(2**23) for _ in range(1_000) if time.sleep(0.02) is None]

    def refuse(self):
        raise MemoryError

    def large(self):
        np.ones(50 * 2**20)

    def small(self):
        np.ones(2**20)

    def nan(self):
        self.result[0, 0, 0, 0] = np.nan

    def misshapen(self):
        self.result = self.result[:, 1:]

    def nothing(self):
        self.result = None

    def garbage(self):
        os.write(1, b"\0\xff not text {\n" * 100_000)
        print('{"event": "done"}')

    def orphan(self):
        """Leaves a process behind in a session of its own, with its output still open."""
        script = "import os, time; os.setsid(); time.sleep(3600)"
        child = subprocess.Popen([sys.executable, "-c", f"import os\nif os.fork() == 0: {script}"])
        (self.folder / "orphan").write_text(str(os.getpid()))
        child.wait()

    def threads(self):
        at_start = Path("/proc/self/environ").read_text().split("\0")  # before the first import
        print(*(value for name in THREADS for value in at_start if value.startswith(f"{name}=")))
        print(
            sys.modules["torch"].get_num_threads(), os.environ["CUDA_VISIBLE_DEVICES"], self.context.threads
        )

    def random(self):
        print(np.random.rand(), sys.modules["torch"].rand(1).item(), self.context.seed)  # noqa: NPY002


class Warming:
    """Takes long over the first call of a process."""

    seconds = 0.5

    def setup(self, context):
        pass

    def register(self, fixed, moving):
        time.sleep(self.seconds)
        self.seconds = 0
        return np.zeros((3, *fixed.grid.shape), np.float32)


class Kernels:
    """Starts work on a CUDA device and returns at once; says how long the call before kept the device busy."""

    def setup(self, context):
        import torch

        self.torch, self.events = torch, []
        self.matrix = torch.ones(4096, 4096, device="cuda")

    def register(self, fixed, moving):
        if self.events:
            print("busy", self.events[0].elapsed_time(self.events[1]) / 1000)
        self.events = [self.torch.cuda.Event(enable_timing=True) for _ in range(2)]
        self.events[0].record()
        for _ in range(200):
            self.matrix = self.matrix @ self.matrix * 2.0**-12  # stays a matrix of ones
        self.events[1].record()
        return np.zeros((3, *fixed.grid.shape), np.float32)
