"""What the supervisor is told: environment, job and requests; and the client that speaks with it."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from regbench.fingerprint import imported
from regbench.methods.discovery import PLACEHOLDER, MethodFile
from regbench.records import files_in
from regbench.runs.environments import python_of, start_of, variables_of
from regbench.runs.supervisor import last_lines

SUPERVISOR = Path(__file__).with_name("supervisor.py")
START_WORKER = Path(__file__).with_name("start_worker.py")
ROOT = Path(__file__).resolve().parents[2]  # the folder that holds the package
SETUP_SECONDS = 600.0  # imports and a model read from a slow disk are no part of a pair's time
PATIENCE_SECONDS = 120.0  # beyond all limits, until a supervisor that does not answer is taken for stopped
THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


def thread_variables(threads: int) -> dict[str, str]:
    """What is set before a process starts, so that every library it imports keeps to so many threads."""
    return dict.fromkeys(THREADS, str(threads))


def environment_of(method: MethodFile, threads: int, device: str) -> dict[str, str]:
    """Variables set before any process of the method starts: equal threads, no GPU in sight of a CPU run."""
    variables = thread_variables(threads)
    variables["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), str(method.path.parent.resolve()), os.environ.get("PYTHONPATH", "")])
    )
    if device == "cpu":
        variables["CUDA_VISIBLE_DEVICES"] = "-1"
    return variables | variables_of(method)


def job_of(
    method: MethodFile,
    options: dict[str, Any],
    context: dict[str, Any],
    pairs: list[dict[str, Any]],
    folder: Path,
    seconds: float,
    memory_gb: float,
    log: Path | None,
) -> dict[str, Any]:
    """The supervisor's first line. `context`: threads, device, seed, model (regbench.methods.contract.Context).

    `pairs`: all PAIR records that will be asked for; `folder`: where their fields go.
    """
    context, options = absolute(context), absolute(options)
    read = folders_of(method, options, context, pairs)
    return {
        "worker": worker_of(method, context["device"], read, folder.resolve()) if method.python else None,
        "setup": {
            "python": method.python,
            "options": options,
            "context": context,
            "torch": bool(method.python) and "torch" in imported([method.python], method.path.parent),
        },
        "environment": environment_of(method, context["threads"], context["device"]),
        "seconds": seconds,
        "setup_seconds": max(seconds, SETUP_SECONDS),
        "memory_mb": memory_gb * 1024,
        "log": str(log) if log else None,
    }


def worker_of(method: MethodFile, device: str, read: list[Path], written: Path) -> list[str]:
    """The words that start a Python class's worker, which reads files in the folders `read` and writes into another."""
    if not method.own_environment:
        return [sys.executable, "-m", "regbench.runs.worker"]
    start = start_of(method, device, [*read, ROOT / "regbench"], [written])
    return [*start, python_of(method, sys.executable), str(START_WORKER)]


def folders_of(
    method: MethodFile, options: dict[str, Any], context: dict[str, Any], pairs: list[dict[str, Any]]
) -> list[Path]:
    """Folders of all files that the method reads for the pairs: images, masks, truth, model, its own."""
    files = [Path(file) for file in files_in([pairs, options, context["model"]])]
    folders = {folder for file in files for folder in (file.absolute().parent, file.resolve().parent)}
    named = {Path(text).resolve() for text in options.values() if isinstance(text, str) and _is_there(text)}
    return [*folders, *filter(Path.is_dir, named), method.path.parent.resolve()]


def command_of(
    method: MethodFile, options: dict[str, Any], context: dict[str, Any], pair: dict[str, Any], out: Path
) -> list[str]:
    """A command method's words for one pair: FIXED, MOVING, OUT, … and options in capitals replaced.

    Paths are absolute, also where a word or an option names a file: the command runs in a folder of its own.
    Raises ValueError when the template names something that this pair does not have.
    """
    pair = absolute(pair)
    values: dict[str, Any] = {
        "OUT": out.resolve(),
        "MODEL": context["model"] and Path(context["model"]).resolve(),
    }
    for side in ("fixed", "moving"):
        values |= {side.upper(): pair[side]["image"], f"{side.upper()}_MASK": pair[side].get("mask")}
    read = folders_of(method, options, context, [pair])
    start = start_of(method, context["device"], read, [out.resolve().parent])
    return [*start, *filled(method, method.command or "", options, context, values)]


def filled(
    method: MethodFile, template: str, options: dict[str, Any], context: dict[str, Any], files: dict[str, Any]
) -> list[str]:
    """The words of a template, split as a shell would: those in `files`, options and what all commands know replaced.

    Raises ValueError when the template names a file that is None.
    """
    values: dict[str, Any] = {name.upper(): absolute(value) for name, value in options.items()}
    values |= {"THREADS": context["threads"], "DEVICE": context["device"], "SEED": context["seed"]}
    values |= {"HERE": method.path.parent.resolve(), "PYTHON": python_of(method, sys.executable), **files}

    def value_of(match: re.Match[str]) -> str:
        value = values.get(match[0], match[0])
        if value is None:
            raise ValueError(f"{method.path}: the command asks for {match[0]}, which this pair does not have")
        return str(value)

    def word_of(word: str) -> str:
        """A word or `--name=word` that names a file as it stands is that file's path; in others words are replaced."""
        head, equals, tail = word.rpartition("=")
        if _is_there(tail):
            return PLACEHOLDER.sub(value_of, head) + equals + absolute(tail)
        return PLACEHOLDER.sub(value_of, word)

    return [word_of(word) for word in shlex.split(template)]


def absolute(value: Any) -> Any:
    """A JSON value with every name of a file or folder in it, however deep, made absolute."""
    if isinstance(value, dict):
        return {name: absolute(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [absolute(part) for part in value]
    return str(Path(value).absolute()) if isinstance(value, str) and _is_there(value) else value


def _is_there(text: str) -> bool:
    """Whether a text with a / or an ending, which a plain word has not, is a path of something."""
    return len(text) < 1000 and bool("/" in text or Path(text).suffix) and Path(text).exists()


class SupervisorClient:
    """A supervisor process, started at the first request and again after one that died."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.process: subprocess.Popen[str] | None = None

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Serve one request (supervisor.py says what is in it and in the answer).

        A supervisor that a method killed or stopped is a failure of the pair, and nothing that it started survives it.
        """
        if self.process is None:
            self._start()
        limits = self.job["setup_seconds"] + (request["calls"] + 1) * self.job["seconds"]
        assert self.process
        late = threading.Event()
        process = self.process

        def give_up() -> None:
            late.set()
            process.kill()

        patience = threading.Timer(limits + PATIENCE_SECONDS, give_up)
        patience.daemon = True
        patience.start()
        try:
            self._send(request)
            answer = process.stdout.readline()  # pyright: ignore[reportOptionalMemberAccess]
        except BrokenPipeError:
            answer = ""
        except BaseException:  # Ctrl-C: it would first finish the pair
            process.terminate()
            raise
        finally:
            patience.cancel()
        if answer:
            return json.loads(answer)
        self.close()
        log = Path(self.job["log"] or os.devnull)
        return {
            "pair": request["pair"],
            "status": "timeout" if late.is_set() else "error",
            "message": f"the process that watches over the method was {'stopped' if late.is_set() else 'killed'}",
            "calls": [],
            "log_tail": last_lines(log.read_bytes()) if log.is_file() else [],
        }

    def _start(self) -> None:
        pipe = subprocess.PIPE
        self.job["scratch"] = tempfile.mkdtemp(prefix="regbench-")
        self.process = subprocess.Popen([sys.executable, SUPERVISOR], stdin=pipe, stdout=pipe, text=True)
        self._send(self.job)

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        """End the supervisor and with it all that it started."""
        if self.process is not None:
            process, self.process = self.process, None
            try:
                process.communicate()
            except BrokenPipeError:
                process.wait()
            if process.returncode:
                _kill_users(self.job["scratch"])
                shutil.rmtree(self.job["scratch"], ignore_errors=True)


def _kill_users(scratch: str) -> None:
    """Kill what a supervisor that was killed left behind: processes that have its scratch folder as their TMPDIR."""
    mark = f"TMPDIR={scratch}\0".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
