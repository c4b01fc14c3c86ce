"""A process that holds the machine's lock, or waits for it."""

import select
import subprocess
import sys

SCRIPT = """
import sys
from regbench.runs.lock import machine_lock
print("asks", flush=True)
with machine_lock(sys.argv[1]):
    print("holds", flush=True)
    sys.stdin.readline()
print("gone", flush=True)
"""


class Holder:
    """A process that asks for the lock and keeps it until told."""

    def __init__(self, mode: str):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, "-c", SCRIPT, mode], **pipes)
        assert self.read() == "asks"

    def read(self) -> str:
        return self.process.stdout.readline().strip()

    def release(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.read() == "gone"

    def waits(self) -> bool:
        """Whether it is still without the lock after a while."""
        return not select.select([self.process.stdout], [], [], 0.3)[0]
