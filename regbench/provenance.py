"""Where a number was measured: machine, device, library versions, code. Every run, model and timing carries it."""

import os
import platform
import socket
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = (
    "antspyx",
    "itk",
    "itk-elastix",
    "neurite",
    "nibabel",
    "numba",
    "numpy",
    "pandas",
    "scikit-image",
    "scipy",
    "simpleitk",
    "snakemake",
    "torch",
    "voxelmorph",
)


@cache
def environment() -> dict[str, Any]:
    """Facts of this machine and environment: host, cpu, cores, memory_gb, gpu, driver, python, libraries, commit, clean.

    `commit` and `clean` are None where the code is not a git checkout.
    """
    gpu, driver = _gpu()
    commit, clean = _git()
    return {
        "host": socket.gethostname(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": _cpu(),
        "cores": cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpu": gpu,
        "driver": driver,
        "python": sys.version.split()[0],
        "libraries": {name: version(name) for name in LIBRARIES},
        "commit": commit,
        "clean": clean,
    }


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def version(name: str) -> str | None:
    """A package's version, None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def version_of_module(module: str) -> str | None:
    """The version of the package that a module comes with, whatever its name, None where it is not installed."""
    found = version(module)
    if found is None:  # it is called otherwise: skimage is of scikit-image
        found = next(map(version, metadata.packages_distributions().get(module, [])), None)
    return found


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _gpu() -> tuple[str | None, str | None]:
    """Name and driver of the first GPU, asked of nvidia-smi so that torch need not be imported."""
    answer = _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    if not answer:
        return None, None
    name, _, driver = answer.splitlines()[0].partition(",")
    return name.strip(), driver.strip()


def _git() -> tuple[str | None, bool | None]:
    root = str(Path(__file__).resolve().parent.parent)
    if not (Path(root) / ".git").exists():
        return None, None
    commit = _output("git", "-C", root, "rev-parse", "HEAD")
    code = ("regbench", "workflow", "Snakefile")  # a new method's file counts, though git does not track it
    changes = _output("git", "-C", root, "status", "--porcelain", "--", *code)
    return commit, None if changes is None else not changes


def _output(*command: str) -> str | None:
    """What a command prints, or None when it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
