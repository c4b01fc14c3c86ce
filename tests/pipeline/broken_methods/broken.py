"""Methods that go wrong, each in its own way, on the pair whose moving subject is s6; on others they do not move a voxel."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from regbench.methods.learned import LearnedMethod


class _Method:
    def setup(self, context):
        pass

    def for_pair(self, pair):
        self.bad = pair["moving"]["subject"] == "s6"

    def register(self, fixed, moving):
        field = np.zeros((3, *fixed.data.shape), np.float32)
        return self.go_wrong(field) if self.bad else field

    def go_wrong(self, field):
        raise NotImplementedError


class Crashes(_Method):
    def go_wrong(self, field):
        raise RuntimeError("a crash on purpose")


class Segfaults(_Method):
    def go_wrong(self, field):
        os.kill(os.getpid(), signal.SIGSEGV)


class Hangs(_Method):
    """With a child that hangs too, and one that has left its session."""

    def go_wrong(self, field):
        for away in (False, True):
            child = subprocess.Popen(["sleep", "3600"], start_new_session=away)
            print("child", child.pid, flush=True)
        time.sleep(3600)


class Hoards(_Method):
    def go_wrong(self, field):
        hoard = [np.ones(2**24) for _ in range(64)]  # 128 MiB each
        return field + len(hoard)


class NotFinite(_Method):
    def go_wrong(self, field):
        return field + np.nan


class WrongShape(_Method):
    def go_wrong(self, field):
        return field[:, :4, :4, :4]


class ClosesStreams(_Method):
    def go_wrong(self, field):
        sys.stdout.close()
        for stream in range(3):
            os.close(stream)
        return field


class ClosesAll(_Method):
    def go_wrong(self, field):
        os.closerange(0, 256)
        return field


class NeedsFile(_Method):
    """The machine's fault: all is well once there is a file."""

    def for_pair(self, pair):
        super().for_pair(pair)
        if not Path("mended").exists():
            raise FileNotFoundError("mended: not there")

    def go_wrong(self, field):
        return field


class Still(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.size = torch.nn.Parameter(torch.zeros(()))

    def forward(self, fixed, moving):
        return self.size * torch.ones(1, 3, *fixed.shape[2:])


class CannotTrain(LearnedMethod):
    """A network that cannot be made before there is a file."""

    def __init__(self, steps=1):
        super().__init__({}, {"steps": steps})

    def network(self, shape):
        if not Path("mended").exists():
            raise RuntimeError("no network on purpose")
        return Still()

    def loss(self, fixed, moving, output):
        return output.square().mean(), {}
