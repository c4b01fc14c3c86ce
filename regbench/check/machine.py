"""What a study asks of the machine: threads, a device, memory for its grids, a folder to write to, disk."""

import os
import shutil
from pathlib import Path

from regbench.plan import Plan
from regbench.problems import Problem, as_warnings
from regbench.provenance import cores

HELD = 8  # float32 volumes that registering a pair holds at the least: two images, fields of three, a warped image
MEMORY_GB = 2**30  # as limits.memory_gb counts it
DISK_GB = 10**9


def machine_problems(plan: Plan, elsewhere: bool) -> list[Problem]:
    """All of it, on this machine; where jobs may run on others (`elsewhere`), its lack of a device is a warning."""
    device = _device(plan.study.device)
    grids = [problem for task in plan.study.tasks for problem in _grid_problems(plan, task)]
    return [
        *_threads(plan.study.threads),
        *(as_warnings(device) if elsewhere else device),
        *_folder(plan.folder),
        *grids,
    ]


def free_gb(folder: Path) -> float:
    """GB (10^9 bytes) left on the disk where `folder` is, or would be."""
    return shutil.disk_usage(_there(folder)).free / DISK_GB


def _threads(wanted: int) -> list[Problem]:
    have = cores()
    if wanted <= have:
        return []
    what = (
        f"{wanted} threads, this machine has {have} for this process: times would not be what they could be"
    )
    return [Problem("threads", what, f"set threads to {have} or fewer", "warning")]


def _device(wanted: str) -> list[Problem]:
    if wanted != "cuda":
        return []
    import torch

    if torch.cuda.is_available():
        return []
    built = "" if torch.version.cuda else ", and torch was installed without CUDA"
    return [
        Problem(
            "device", f"`cuda`, but torch finds no such device here{built}", "set device to `cpu` or `auto`"
        )
    ]


def _folder(folder: Path) -> list[Problem]:
    there = _there(folder)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return []
    what = f"results cannot be written: {there} is {'not writable' if there.is_dir() else 'a file'}"
    return [Problem(str(folder), what, "give another folder, or yourself the right to write there")]


def _there(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(each for each in (folder, *folder.parents) if each.exists())


def _grid_problems(plan: Plan, name: str) -> list[Problem]:
    """A grid too large for the memory that a run may have, or whose fields do not fit the disk."""
    grid, limit = plan.task(name).grid, plan.study.limits.memory_gb
    a, b, c = grid.shape
    volume = 4 * a * b * c
    held, field = HELD * volume / MEMORY_GB, 3 * volume / DISK_GB
    key, shape = f"tasks.{name}.grid", f"{a} x {b} x {c} voxels"
    problems = []
    if held > limit:
        what = f"{shape}: two images and a field alone take {held:.1f} GB, limits.memory_gb is {limit:g}"
        problems.append(Problem(key, what, "choose a smaller grid or a higher limit"))
    free = free_gb(plan.folder)
    if field > free:
        what = f"{shape}: one field is {field:.1f} GB, the disk of {plan.folder} has {free:.1f} GB left"
        problems.append(Problem(key, what, "choose a smaller grid or another disk"))
    return problems
