"""Stale locks go, live ones stay, and a job does not outlive its Snakemake."""

import subprocess
import sys
import time
from pathlib import Path

HOLD = """
import sys, time
from pathlib import Path
from regbench.interrupted import clear_stale_locks
clear_stale_locks(Path(sys.argv[1]))
(Path(sys.argv[1]) / "locks").mkdir(exist_ok=True)
(Path(sys.argv[1]) / "locks" / "0.output.lock").write_text("x")
print("ready", flush=True)
time.sleep(60)
"""
CLEAR = "import sys; from pathlib import Path; from regbench.interrupted import clear_stale_locks as c; c(Path(sys.argv[1]))"
MAIN = """
import subprocess, sys
from regbench.interrupted import announce_main
announce_main()
subprocess.run(["sh", "-c", sys.executable + ' -c "$0"; true', sys.argv[1]])
"""
JOB = """
import os, time
from regbench.interrupted import end_with_main
end_with_main(0.05)
print(os.getpid(), flush=True)
time.sleep(60)
"""


def start(code: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(process: int) -> bool:
    """Whether a process is gone, or a zombie that nobody has collected."""
    status = Path(f"/proc/{process}/status")
    return not status.exists() or "State:\tZ" in status.read_text()


def test_locks_of_a_killed_snakemake_go_and_of_a_live_one_stay(tmp_path):
    folder = tmp_path / ".snakemake"
    holder = start(HOLD, str(folder))
    assert first_line(holder) == "ready"
    subprocess.run([sys.executable, "-c", CLEAR, str(folder)], check=True)
    assert (folder / "locks" / "0.output.lock").exists()
    holder.kill()
    holder.wait()
    subprocess.run([sys.executable, "-c", CLEAR, str(folder)], check=True)
    assert not (folder / "locks" / "0.output.lock").exists()


def test_a_job_ends_soon_after_its_snakemake_is_killed():
    main = start(MAIN, JOB)
    job = int(first_line(main))
    main.kill()
    main.wait()
    deadline = time.monotonic() + 30
    while not ended(job) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ended(job), f"job {job} outlived its Snakemake"
