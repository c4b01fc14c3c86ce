"""Methods that go wrong, each in its own way. The first pair alone meets it where a method can tell pairs apart."""

import os
import signal
import time

import numpy as np

from regbench.models.settings import TrainingSettings


class _Method:
    def setup(self, context):
        pass


class Crashes(_Method):
    def register(self, fixed, moving):
        raise RuntimeError("a crash on purpose")


class Segfaults(_Method):
    def register(self, fixed, moving):
        os.kill(os.getpid(), signal.SIGSEGV)


class Hangs(_Method):
    def register(self, fixed, moving):
        time.sleep(3600)


class Hoards(_Method):
    def register(self, fixed, moving):
        hoard = [np.ones(2**27) for _ in range(16)]  # 1 GiB each
        return np.zeros((3, *fixed.data.shape), np.float32) + len(hoard)


class NotFinite(_Method):
    def register(self, fixed, moving):
        return np.full((3, *fixed.data.shape), np.nan, np.float32)


class WrongShape(_Method):
    def register(self, fixed, moving):
        return np.zeros((3, 4, 4, 4), np.float32)


class CannotTrain(_Method):
    def __init__(self):
        self.options = {}
        self.training = TrainingSettings(steps=1)

    def network(self, shape):
        raise RuntimeError("no network on purpose")

    def loss(self, fixed, moving, output):
        raise AssertionError("never reached")
