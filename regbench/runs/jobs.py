"""What the supervisor is told: environment, job and requests; and the client that speaks with it."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from regbench.methods.discovery import MethodFile
from regbench.records import files_in
from regbench.runs.environments import python_of, start_of, variables_of

SUPERVISOR = Path(__file__).with_name("supervisor.py")
START_WORKER = Path(__file__).with_name("start_worker.py")
ROOT = Path(__file__).resolve().parents[2]  # the folder that holds the package
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z0-9_]*\b")
SETUP_SECONDS = 600.0  # imports and a model read from a slow disk are no part of a pair's time
THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


def environment_of(method: MethodFile, threads: int, device: str) -> dict[str, str]:
    """Variables set before any process of the method starts: equal threads, no GPU in sight of a CPU run."""
    variables: dict[str, str] = dict.fromkeys(THREADS, str(threads))
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
    read = folders_of(method, options, context, pairs)
    return {
        "worker": worker_of(method, context["device"], read, folder.resolve()) if method.python else None,
        "setup": {"python": method.python, "options": options, "context": context},
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
    files = files_in([pairs, options, context["model"]])
    return [*{Path(file).resolve().parent for file in files}, method.path.parent.resolve()]


def absolute(pair: dict[str, Any]) -> dict[str, Any]:
    """The PAIR record with absolute paths: a container may have another working folder."""

    def path(name: str | None) -> str | None:
        return name and str(Path(name).resolve())

    sides = {
        side: {**pair[side], "image": path(pair[side]["image"]), "mask": path(pair[side].get("mask"))}
        for side in ("fixed", "moving")
    }
    return {**pair, **sides, "truth": path(pair.get("truth"))}


def command_of(
    method: MethodFile, options: dict[str, Any], context: dict[str, Any], pair: dict[str, Any], out: Path
) -> list[str]:
    """A command method's words for one pair: FIXED, MOVING, OUT, … and options in capitals replaced, paths absolute.

    Raises ValueError when the template names something that this pair does not have.
    """
    values: dict[str, Any] = {name.upper(): value for name, value in options.items()}
    values |= {"OUT": out.resolve(), "HERE": method.path.parent.resolve()}
    values["PYTHON"] = python_of(method, sys.executable)
    values |= {"THREADS": context["threads"], "DEVICE": context["device"]}
    values["MODEL"] = context["model"] and Path(context["model"]).resolve()
    pair = absolute(pair)
    for side in ("fixed", "moving"):
        values |= {side.upper(): pair[side]["image"], f"{side.upper()}_MASK": pair[side]["mask"]}

    def value_of(match: re.Match[str]) -> str:
        value = values.get(match[0], match[0])
        if value is None:
            raise ValueError(f"{method.path}: the command asks for {match[0]}, which this pair does not have")
        return str(value)

    read = folders_of(method, options, context, [pair])
    start = start_of(method, context["device"], read, [out.resolve().parent])
    return [*start, *(PLACEHOLDER.sub(value_of, word) for word in shlex.split(method.command or ""))]


class SupervisorClient:
    """A supervisor process, started at the first request and again after one that died."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.process: subprocess.Popen[str] | None = None

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Serve one request (supervisor.py says what is in it and in the answer)."""
        try:
            if self.process is None:
                self._start()
            self._send(request)
            answer = self.process.stdout.readline()  # pyright: ignore[reportOptionalMemberAccess]
        except BrokenPipeError:
            answer = ""
        if answer:
            return json.loads(answer)
        self.close()
        return {
            "pair": request["pair"],
            "status": "error",
            "message": "the supervisor was killed",
            "calls": [],
        }

    def _start(self) -> None:
        pipe = subprocess.PIPE
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
