"""Fills a disk but for two pages, room for a record and none for a field, until the next pair."""

from pathlib import Path

import numpy as np


class LeavesLittle:
    def __init__(self, field, disk):
        self.disk = Path(disk)

    def setup(self, context):
        print("set up", flush=True)  # so that the log has its page

    def for_pair(self, pair):
        self.bad = pair["moving"]["subject"].startswith("bad")

    def register(self, fixed, moving):
        (self.disk / "junk").unlink(missing_ok=True)
        if self.bad:
            self.fill()
        size = np.random.default_rng(0).uniform(-60, 60, (3, *fixed.data.shape))
        return np.exp(size).astype(np.float32)  # random in all bits, so that it cannot be packed

    def fill(self):
        page = bytes(4096)
        with open(self.disk / "junk", "ab", buffering=0) as file:
            try:
                while file.write(page) == len(page):
                    pass
            except OSError:
                file.truncate(file.tell() // len(page) * len(page) - 2 * len(page))
