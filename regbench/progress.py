"""What a job tells: everything to its log file, the few lines a person waits for to the terminal as well."""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to(path: Path | str | None) -> None:
    """Send all of `regbench`'s log to `path`, and progress and warnings to the terminal."""
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(logging.INFO)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == "regbench.progress")
    terminal.setFormatter(logging.Formatter("%(message)s"))
    root.addHandler(terminal)
    rank = os.environ["RANK"] if "TORCHELASTIC_RUN_ID" in os.environ else "0"
    if path is not None and rank != "0":  # of several processes of a training each has a log of its own
        path = Path(path).with_suffix(f".rank{rank}.log")
        terminal.setLevel(logging.WARNING)
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, mode="w", encoding="utf8")
        file.setFormatter(logging.Formatter(FORMAT))
        root.addHandler(file)


@contextmanager
def took(what: str) -> Iterator[None]:
    """Write into the log how long the body took; `regbench estimate` learns from it."""
    start = time.monotonic()
    yield
    logging.getLogger("regbench").info("%s took %.2f s", what, time.monotonic() - start)


class Progress:
    """Lines like `mono/syn: pair 3 of 6, about 12 s left`, the first after `every` seconds at the earliest."""

    def __init__(self, what: str, total: int, unit: str, every: float = 5.0):
        self.what, self.total, self.unit, self.every = what, total, unit, every
        self.start = self.told = time.monotonic()

    def step(self, done: int, note: str = "") -> None:
        """Tell that `done` of the total are finished, when it is time to; the last one is always told."""
        now = time.monotonic()
        if done < self.total and now - self.told < self.every:
            return
        self.told = now
        left = (now - self.start) / max(done, 1) * (self.total - done)
        tail = (
            f"about {duration(left)} left" if done < self.total else f"done in {duration(now - self.start)}"
        )
        parts = [f"{self.what}: {self.unit} {done} of {self.total}", note, tail]
        _tell(", ".join(part for part in parts if part))


class Waiting:
    """A step whose length nobody knows: said when it begins, every `every` seconds while it lasts, and when it ends."""

    def __init__(self, what: str, every: float = 10.0):
        self.what, self.every = what, every

    def __enter__(self) -> None:
        self.start, self.ended = time.monotonic(), threading.Event()
        _tell(f"{self.what} …")
        self.teller = threading.Thread(target=self._tell_on, daemon=True)
        self.teller.start()

    def __exit__(self, error: type | None, *_: object) -> None:
        self.ended.set()
        self.teller.join()
        _tell(f"{self.what}: {'failed' if error else 'done'} in {duration(time.monotonic() - self.start)}")

    def _tell_on(self) -> None:
        while not self.ended.wait(self.every):
            _tell(f"{self.what}: {duration(time.monotonic() - self.start)} so far")


def _tell(line: str) -> None:
    logging.getLogger("regbench.progress").info(line)


def duration(seconds: float) -> str:
    """Seconds as a person says them: 8 s, 3 min, 2 h 10 min, 4 days 3 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(minutes / 60)
    return f"{hours // 24} days {hours % 24} h"
