"""A method that does what the moving subject's name says, in the supervisor's worker."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


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

    def fails_once(self):
        if not (self.folder / "failed").exists():
            (self.folder / "failed").touch()
            raise RuntimeError("this time alone")

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

    def daemon(self):
        """Forks twice, so that its grandchild has another parent, session and output that stays open."""
        script = "import os, time; os.setsid(); open('PID', 'w').write(str(os.getpid())); time.sleep(3600)"
        path = self.folder / "daemon"
        subprocess.run(["sh", "-c", f'"$0" -c "{script.replace("PID", str(path))}" &', sys.executable])
        while not (path.exists() and path.read_text()):
            time.sleep(0.01)

    def sees(self):
        """The daemon of the pair before, which this very process served."""
        print("alive" if os.path.exists(f"/proc/{(self.folder / 'daemon').read_text()}/cwd") else "gone")

    def forks(self):
        os.fork()

    def forks_crash(self):
        if os.fork() == 0:
            raise RuntimeError("the child's own")
        os.wait()

    def closes_streams(self):
        sys.stdout.close()
        for stream in range(3):
            os.close(stream)

    def closes_all(self):
        os.closerange(0, 256)

    def kills_parent(self):
        print("before the kill", flush=True)
        script = "import time; time.sleep(3600)"
        self.child = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
        (self.folder / "survivor").write_text(str(self.child.pid))
        time.sleep(0.5)  # so that what was printed is read
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(3600)

    def moves(self):
        os.chdir("/")

    def litters(self):
        Path("litter").write_text("x")
        print(os.getcwd())

    def deletes_tmp(self):
        shutil.rmtree(tempfile.gettempdir())

    def forgets(self):
        os.environ.clear()

    def _answers(self, text: bytes):
        for stream in range(3, 64):
            try:
                os.write(stream, text)
            except OSError:
                continue

    def answers_nan(self):
        self._answers(b'{"event": "call", "call": 0, "load": NaN, "compute": 1, "save": 1}\n')

    def answers_endlessly(self):
        self._answers(b"x" * 2**21)

    def floods(self):
        for number in range(200_000):
            print(f"line {number} of a method that talks too much")

    def says_much(self):
        raise RuntimeError("\n" + "long " * 1_000_000)

    def double(self):
        self.result = self.result.astype(np.float64)

    def strided(self):
        self.result = np.zeros((*self.result.shape[1:], 3), ">f4").transpose(3, 0, 1, 2)

    def too_large(self):
        self.result = self.result.astype(np.float64) + 1e300

    def tensor(self):
        self.result = sys.modules["torch"].zeros(self.result.shape)

    def shares(self):
        """Four processes with 200 MB in common."""
        script = "import mmap, os, time; m = mmap.mmap(-1, 200 * 2**20)\n"
        script += "for place in range(0, len(m), 4096): m[place] = 1\n"
        script += "for _ in range(3):\n if os.fork() == 0: sum(m[::4096]); time.sleep(1); os._exit(0)\n"
        subprocess.run([sys.executable, "-c", script + "for _ in range(3): os.wait()"], check=True)

    def threads(self):
        # Not above: it needs packages that a method's own environment lacks.
        from regbench.runs.jobs import THREADS

        at_start = Path("/proc/self/environ").read_text().split("\0")  # before the first import
        print(*(value for name in THREADS for value in at_start if value.startswith(f"{name}=")))
        print(
            sys.modules["torch"].get_num_threads(), os.environ["CUDA_VISIBLE_DEVICES"], self.context.threads
        )

    def random(self):
        print(np.random.rand(), sys.modules["torch"].rand(1).item(), self.context.seed)  # noqa: NPY002


class NoSetup(Odd):
    def setup(self, context):
        raise RuntimeError("no licence")


class Stuck(Odd):
    def setup(self, context):
        time.sleep(3600)


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


class Measured:
    """Says how long its option is."""

    def __init__(self, long: str) -> None:
        self.long = long

    def setup(self, context):
        pass

    def register(self, fixed, moving):
        print(len(self.long))
        return np.zeros((3, *fixed.grid.shape), np.float32)
