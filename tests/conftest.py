"""What several test files share."""

import os
from pathlib import Path

import pytest

from tests.runs.holder import Holder

ROOT = Path(__file__).resolve().parent.parent

# Tests run beside each other: OpenMP's threads, which wait for one another by spinning, would keep the cores from those
# that they wait for. Set before torch is imported, here and in every process that a test starts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans beside the checkout (or linked into it); skips where it is absent."""
    for folder in (ROOT / "shared" / "data", ROOT.parent / "shared" / "data"):
        if folder.is_dir():
            return folder
    pytest.skip("needs real scans in ../shared/data, which are not part of the project")


@pytest.fixture(autouse=True)
def own_machine_lock(tmp_path_factory, monkeypatch):
    """Tests never wait for a study that runs on the same machine."""
    monkeypatch.setenv("REGBENCH_LOCK", str(tmp_path_factory.getbasetemp() / "machine.lock"))


@pytest.fixture
def holder():
    """Starts processes that ask for the lock: holder("shared"), holder("exclusive"); they end with the test."""
    started: list[Holder] = []

    def start(mode: str) -> Holder:
        started.append(Holder(mode))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
