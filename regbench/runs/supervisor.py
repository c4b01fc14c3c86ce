"""Runs a method's processes and outlives whatever they do. Standard library only, run by path (python3 3.9, Linux).

Standard input: one JSON object a line. The first is the job:
    {"worker": argv or null, "setup": object sent to each new worker, "environment": {name: value},
     "seconds": limit of one call, "setup_seconds": limit of a worker's setup,
     "memory_mb": limit of the process tree, "log": path or null}
then a request for each pair:
    {"pair": name, "calls": n, "fresh": start a new worker, "request": object for the worker, "argv": command or null}
Standard output: for each request one line
    {"pair", "status", "message", "setup_seconds", "calls": [...], "peak_memory_mb", "peak_device_memory_mb", "log_tail"}
The end of standard input, SIGTERM or the death of the parent ends everything that was started.

A worker answers on a pipe of its own, so a method may print what it likes. Its answers, one JSON object a line, have
"event": "ready" (setup done), "call" (one registration done), "done" or "failed". The pipes have names, in the folder
REGBENCH_PIPES below TMPDIR: descriptors would not pass through `conda run` or a container's engine.
"$TMPDIR" in a word of a command stands for the folder for temporary files, which is removed at the end.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TICK = 0.05  # seconds between looks at the memory of the process tree
TAIL_BYTES, TAIL_LINES, LINE_LENGTH = 16_384, 20, 400
LOG_BYTES = 2**20  # of one process: a method that prints for ever must not fill the disk
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """A pair that ended otherwise than well: (status, message)."""


class Child:
    """A process in a session of its own; its output is drained, its exit noted at once by a thread each."""

    def __init__(self, argv, environment, log):
        argv = [word.replace("$TMPDIR", environment["TMPDIR"]) for word in argv]
        self.start = time.perf_counter()
        try:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
            )
        except OSError as error:
            raise Failure("error", f"cannot start {argv[0]!r}: {error.strerror}") from error
        assert self.process.stdout is not None
        self.pid, self.output = self.process.pid, self.process.stdout
        self.tail = bytearray()
        self.code = None
        self.peak_mb = 0.0
        self.ended, self._closes_at_end = os.pipe()
        self._drain = threading.Thread(target=self._read_output, args=(log,), daemon=True)
        self._drain.start()
        threading.Thread(target=self._wait, daemon=True).start()

    def _read_output(self, log):
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(log, "ab")) if log else None
            room = LOG_BYTES
            while chunk := os.read(self.output.fileno(), 65_536):
                self.tail = (self.tail + chunk)[-TAIL_BYTES:]
                if file and room > 0:
                    file.write(chunk[:room])
                    file.flush()
                    room -= len(chunk)

    def _wait(self):
        _, status, usage = os.wait4(self.pid, 0)
        self.seconds = time.perf_counter() - self.start
        self.peak_mb = usage.ru_maxrss / 1024  # of the largest process it waited for, itself included
        self.code = os.waitstatus_to_exitcode(status)
        self.process.returncode = self.code
        os.close(self._closes_at_end)

    def lines(self):
        """The last lines of its output."""
        text = bytes(self.tail).decode("utf8", "replace").replace("\0", "").splitlines()
        return [line[-LINE_LENGTH:] for line in text if line.strip()][-TAIL_LINES:]

    def close(self):
        """Kill it and everything it started; returns when all are gone."""
        while self.code is None:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
            select.select([self.ended], [], [], 1)
        kill_descendants()
        self._drain.join(2)
        if not self._drain.is_alive():
            self.output.close()
        os.close(self.ended)


def descendants(pid):
    """Process numbers below `pid`; what lost its parent is ours, for the supervisor is a subreaper."""
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                found.extend(map(int, file.read().split()))
    return found + [below for child in found for below in descendants(child)]


def kill_descendants():
    """Kill all descendants, those that left the process group too, and reap them."""
    patience = time.monotonic() + 30  # one stuck in the kernel must not hold up the others' results
    while (below := descendants(os.getpid())) and time.monotonic() < patience:
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.002)


def resident_mb(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * PAGE_MB
    return 0.0


def proportional_mb(pid):
    """Memory with shared pages divided among their users; resident memory where the kernel does not say."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return resident_mb(pid)


def high_water_mb(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def reset_high_water(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")


class Watch:
    """Waits for a child with an eye on the clock and on the memory of the whole process tree."""

    def __init__(self, memory_mb):
        self.memory_mb = memory_mb
        self.peak_mb = 0.0

    def restart(self, seconds):
        """A setup or a call begins: it has the whole time limit."""
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds

    def wait(self, child, pipes=()):
        """Those of `pipes` and `child.ended` that can be read. Failure when a limit is passed."""
        while True:
            ready, _, _ = select.select([*pipes, child.ended], [], [], TICK)
            if ready:
                return ready
            if time.monotonic() > self.deadline:
                raise Failure("timeout", f"no result within the limit of {self.seconds:g} s")
            self._look()
            if self.peak_mb > self.memory_mb:
                text = f"used {self.peak_mb:.0f} MB; the limit is {self.memory_mb:.0f} MB"
                raise Failure("oom", text)

    def _look(self):
        pids = descendants(os.getpid())
        used = sum(map(resident_mb, pids))
        if used > self.peak_mb and len(pids) > 1:
            used = sum(map(proportional_mb, pids))  # dear, so only when it can matter
        self.peak_mb = max(self.peak_mb, used)


class Worker:
    """A Python process that loads a method once and then registers pair after pair."""

    def __init__(self, job, environment):
        self._pipes = tempfile.mkdtemp(dir=environment["TMPDIR"])
        names = [os.path.join(self._pipes, name) for name in ("requests", "answers")]
        for name in names:
            os.mkfifo(name)
        self.child = Child(job["worker"], {**environment, "REGBENCH_PIPES": self._pipes}, job["log"])
        # For both directions: to open one alone would wait for a worker that may never come.
        self._write, self._read = (os.open(name, os.O_RDWR) for name in names)
        self._rest = b""
        self.send(job["setup"])

    def send(self, message):
        os.write(self._write, json.dumps(message).encode() + b"\n")

    def receive(self, watch, seconds):
        """Its next answer. Failure when it fails, dies or passes a limit."""
        watch.restart(seconds)
        while b"\n" not in self._rest:
            if self._read not in watch.wait(self.child, [self._read]):
                raise Failure(*ending(self.child.code))
            self._rest += os.read(self._read, 65_536)
        line, _, self._rest = self._rest.partition(b"\n")
        answer = json.loads(line)
        if answer["event"] == "failed":
            raise Failure(answer["status"], answer["message"])
        return answer

    def close(self):
        self.child.close()
        os.close(self._write)
        os.close(self._read)
        shutil.rmtree(self._pipes, ignore_errors=True)


def ending(code):
    """(status, message) of a process that ended by itself without a result."""
    if code >= 0:
        return "error", f"the process ended with exit status {code}"
    name = signal.Signals(-code).name
    if -code == signal.SIGKILL:
        return "oom", "the process was killed by SIGKILL, most likely by the kernel for want of memory"
    return "error", f"the process was killed by {name} ({signal.strsignal(-code)})"


class Supervisor:
    """One job: the same method on pair after pair."""

    def __init__(self, job):
        self.job = job
        self.scratch = tempfile.mkdtemp(prefix="regbench-")
        self.environment = {**os.environ, "TMPDIR": self.scratch, **job["environment"]}
        self.worker = None

    def run(self, request):
        """Serve one request; never raises for what a method does."""
        event = {"pair": request["pair"], "status": "ok", "message": "", "setup_seconds": None, "calls": []}
        event |= {"peak_memory_mb": None, "peak_device_memory_mb": None, "log_tail": []}
        watch = Watch(self.job["memory_mb"])
        serve = self._command if request["argv"] else self._python
        try:
            serve(request, event, watch)
        except Failure as failure:
            event["status"], event["message"] = failure.args
            self.close_worker(
                event
            )  # whatever state a failed worker is in, the next pair starts from a new one
        event["peak_memory_mb"] = round(max(event["peak_memory_mb"] or 0, watch.peak_mb), 1) or None
        return event

    def _python(self, request, event, watch):
        if request["fresh"]:
            self.close_worker(event)
        if self.worker is None:
            self.worker = Worker(self.job, self.environment)
            event["setup_seconds"] = self.worker.receive(watch, self.job["setup_seconds"])["seconds"]
        worker = self.worker
        watch.peak_mb = 0.0
        reset_high_water(worker.child.pid)
        worker.child.tail = bytearray()
        worker.send(request["request"])
        while (answer := worker.receive(watch, self.job["seconds"])).pop("event") == "call":
            event["calls"].append(answer)
        event["peak_device_memory_mb"] = answer["peak_device_memory_mb"]
        event["peak_memory_mb"] = high_water_mb(worker.child.pid)
        event["log_tail"] = worker.child.lines()

    def _command(self, request, event, watch):
        for call in range(request["calls"]):
            child = Child(request["argv"], self.environment, self.job["log"])
            watch.restart(self.job["seconds"])
            try:
                watch.wait(child)
            finally:
                child.close()
                event["log_tail"] = child.lines()
            watch.peak_mb = max(watch.peak_mb, child.peak_mb)
            if child.code != 0:
                raise Failure(*ending(child.code))
            event["calls"].append({"call": call, "total": child.seconds})

    def close_worker(self, event=None):
        """End the worker, if there is one; its last lines go to `event`."""
        if self.worker is not None:
            worker, self.worker = self.worker, None
            worker.close()
            if event is not None:
                event["log_tail"] = worker.child.lines()

    def close(self):
        self.close_worker()
        kill_descendants()
        shutil.rmtree(self.scratch, ignore_errors=True)


def main():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes our standard input
    supervisor = Supervisor(json.loads(sys.stdin.readline()))
    try:
        for line in sys.stdin:
            print(json.dumps(supervisor.run(json.loads(line))), flush=True)
    finally:
        supervisor.close()


if __name__ == "__main__":
    main()
