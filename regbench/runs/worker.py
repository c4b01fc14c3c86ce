"""The process that holds a method: set up once, then pair after pair, each phase on the clock.

Started by supervisor.py (which says what is spoken on the pipes) with threads and devices already in its environment.
It may run in another environment than regbench's (start_worker.py): besides the standard library it takes numpy and
nibabel, no more.
"""

import ctypes
import gc
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from regbench.geometry.fields import write_field
from regbench.geometry.images import Volume, read_volume
from regbench.methods.contract import Context, Method, load_method

PROCESS = os.getpid()
LONGEST = 2000  # characters of a message


class InvalidField(Exception):
    """What a method returned is not a displacement field of the pair."""


def main() -> None:
    """Serve requests until the supervisor closes the pipe."""
    pipes = Path(os.environ.pop("REGBENCH_PIPES"))
    with open(pipes / "requests") as requests, open(pipes / "answers", "w", buffering=1) as answers:
        try:
            with _in_folder(os.getcwd()):
                method = _setup(json.loads(requests.readline()), answers)
            count = 0
            for line in requests:
                with _in_folder(os.getcwd()):
                    count = _serve(method, json.loads(line), answers, count)
        except Exception as error:
            with suppress(OSError, ValueError, AttributeError):  # it may have closed its streams
                traceback.print_exc()
            _flush()
            _answer(answers, event="failed", status=_status(error), message=_message(error))
            os._exit(1)


def _setup(job: dict[str, Any], answers: IO[str]) -> Method:
    start = time.perf_counter()
    if job["torch"]:  # of a method that does without it, neither time nor memory are its own
        with suppress(ImportError):
            import torch  # from the start: seeded, and held to its threads
    given = job["context"]
    context = Context(**{**given, "model": Path(given["model"]) if given["model"] else None})
    _seed(context.seed)
    method = load_method(job["python"], job["options"])
    _seed(context.seed)  # also what came with its modules
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(context.threads)
    method.setup(context)
    _answer(answers, event="ready", seconds=_now() - start)
    return method


def _serve(method: Method, request: dict[str, Any], answers: IO[str], count: int) -> int:
    """One pair, `calls` times over; `count` is the number of calls this process has made before."""
    cuda = _cuda()
    if cuda:
        cuda.reset_peak_memory_stats()
    for call in range(count, count + request["calls"]):
        _seed(request["seed"])
        _answer(answers, event="call", call=call, **_call(method, request["pair"], request["out"]))
    peak = (cuda := _cuda()) and round(cuda.max_memory_allocated() / 2**20, 1)
    _give_back_memory()
    _flush()
    _answer(answers, event="done", peak_device_memory_mb=peak)
    return count + request["calls"]


def _call(method: Method, pair: dict[str, Any], out: str) -> dict[str, float]:
    """Seconds of load (files to arrays), compute (arrays to field) and save (field to file)."""
    start = _now()
    fixed, moving = (_volume(pair[side]) for side in ("fixed", "moving"))
    if prepare := getattr(method, "for_pair", None):
        prepare(pair)
    with _own_folder():
        loaded = _now()
        field = method.register(fixed, moving)
        computed = _now()
    _end_of_forks()
    _check(field, fixed)
    checked = _now()
    write_field(out, field, fixed.grid)
    return {"load": loaded - start, "compute": computed - loaded, "save": _now() - checked}


@contextmanager
def _own_folder() -> Iterator[None]:
    """Within the block the working folder is an empty one, deleted afterwards: nothing is left in the user's own."""
    folder = tempfile.mkdtemp(prefix="work-")
    with _in_folder(folder):
        yield
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _in_folder(folder: str) -> Iterator[None]:
    """Within the block `folder` is the working folder; afterwards the one before is, whatever a method has done."""
    home = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(home)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # a method may have closed it
            stream.flush()


def _volume(side: dict[str, Any]) -> Volume:
    volume = read_volume(side["image"])
    if side.get("mask"):
        volume.mask = read_volume(side["mask"], dtype=np.uint8).data > 0
    return volume


def _check(field: Any, fixed: Volume) -> None:
    expected = (3, *fixed.grid.shape)
    if not isinstance(field, np.ndarray) or field.shape != expected or field.dtype.kind != "f":
        found = f"{field.dtype} {field.shape}" if isinstance(field, np.ndarray) else type(field).__name__
        raise InvalidField(f"register() returned {found}; expected an array of floats {expected}")
    if not np.isfinite(field).all():
        raise InvalidField("register() returned a field with NaN or infinite values")


def _status(error: Exception) -> str:
    if isinstance(error, InvalidField):
        return "invalid"
    memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"  # torch's own
    return "oom" if memory or "can't allocate memory" in str(error) else "error"  # torch's on a CPU


def _message(error: Exception) -> str:
    text = str(error) if isinstance(error, InvalidField) else f"{type(error).__name__}: {error}"
    return text[:LONGEST]


def _cuda() -> Any:
    """torch.cuda once it is in use, else None: a method that never touched a device is not made to."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch and torch.cuda.is_initialized() else None


def _now() -> float:
    """Seconds, after whatever the device was still doing."""
    if cuda := _cuda():
        cuda.synchronize()
    return time.perf_counter()


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (a method may draw from the old global generator)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def _give_back_memory() -> None:
    """So that a pair's peak is its own, not what the pair before left in the allocator."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
    if trim:
        trim(0)


def _end_of_forks() -> None:
    """Where a method forked, its child may come back from it as well: there it ends."""
    if os.getpid() != PROCESS:
        os._exit(1)


def _answer(answers: IO[str], **message: Any) -> None:
    _end_of_forks()
    answers.write(json.dumps(message) + "\n")


if __name__ == "__main__":
    main()
