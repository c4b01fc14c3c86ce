"""Runs a method's processes and outlives whatever they do. Standard library only, run by path (python3 3.9, Linux).

Standard input: one JSON object a line. The first is the job:
    {"worker": argv or null, "setup": object sent to each new worker, "environment": {name: value},
     "seconds": limit of one call, "setup_seconds": limit of a worker's setup,
     "memory_mb": limit of the process tree, "log": path or null, "scratch": folder for temporary files, emptied and
     in the end removed}
then a request for each pair:
    {"pair": name, "calls": n, "fresh": start a new worker, "request": object for the worker, "argv": command or null,
     "out": path of the field to be written}
Standard output: for each request one line
    {"pair", "status", "message", "setup_seconds", "calls": [...], "peak_memory_mb", "peak_device_memory_mb", "log_tail",
     "left": files that a command left in its working folder}
A command runs in an empty folder of its own within the scratch folder, which is TMPDIR.
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
ANSWER_BYTES = 2**20  # of one line of a worker
FULL_BYTES = 2**16  # a disk with less room than this is why a process failed
ENDING = (signal.SIGTERM, signal.SIGHUP)
NUMBER = (int, float)
ANSWERS = {
    "ready": {"seconds": NUMBER},
    "call": dict.fromkeys(("call", "load", "compute", "save"), NUMBER),
    "done": {"peak_device_memory_mb": (*NUMBER, type(None))},
    "failed": {"status": str, "message": str},
}
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)


GARBLED = "what came on the runner's own pipe is no answer of its worker; does the method write to streams that it did not open?"


class Failure(Exception):
    """A pair that ended otherwise than well: (status, message)."""


class Child:
    """A process in a session of its own; its output is drained, its exit noted at once by a thread each."""

    def __init__(self, argv, environment, log, folder=None):
        argv = [word.replace("$TMPDIR", environment["TMPDIR"]) for word in argv]
        self.start = time.perf_counter()
        try:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
            )
        except OSError as error:
            raise Failure("error", f"cannot start {argv[0]!r}: {error.strerror}") from error
        assert self.process.stdout is not None
        self.pid, self.output = self.process.pid, self.process.stdout
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/oom_score_adj", "w") as file:
            file.write("500")  # where memory runs out the kernel shall end the method, not Snakemake
        self.tail = bytearray()
        self.code = None
        self.peak_mb = 0.0
        self.ended, self._closes_at_end = os.pipe()
        self._drain = threading.Thread(target=self._read_output, args=(log,), daemon=True)
        self._drain.start()
        threading.Thread(target=self._wait, daemon=True).start()

    def _read_output(self, log):
        room = LOG_BYTES if log else 0
        while chunk := os.read(self.output.fileno(), 65_536):
            self.tail = (self.tail + chunk)[-TAIL_BYTES:]
            if room > 0:
                # On a full disk there is no log, but who stopped reading would stop the method.
                with contextlib.suppress(OSError), open(log, "ab", buffering=0) as file:
                    file.write(chunk[:room])
                    if len(chunk) >= room:
                        file.write(b"\n[regbench keeps no more than this of the output of one process]\n")
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
        return last_lines(bytes(self.tail))

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


def last_lines(output):
    """The last lines of text, given as bytes, that are not empty."""
    text = output[-TAIL_BYTES:].decode("utf8", "replace").replace("\0", "").splitlines()
    return [line[-LINE_LENGTH:] for line in text if line.strip()][-TAIL_LINES:]


def no_room(*folders):
    """Words for the end of a failure's message where the disk of a folder is full; else empty."""
    full = []
    for folder in folders:
        with contextlib.suppress(OSError):
            if shutil.disk_usage(folder).free < FULL_BYTES:
                full.append(str(folder))
    return f"; no space is left on the disk of {' and '.join(full)}" if full else ""


def descendants(pid):
    """Process numbers below `pid`; what lost its parent is ours, for the supervisor is a subreaper."""
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                found.extend(map(int, file.read().split()))
    return found + [below for child in found for below in descendants(child)]


def kill_descendants(*spare):
    """Kill all descendants, those that left the process group too, but the `spare` ones and those below; reap them."""
    patience = time.monotonic() + 30  # one stuck in the kernel must not hold up the others' results
    while (below := _but(spare, descendants(os.getpid()))) and time.monotonic() < patience:
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.002)


def _but(spare, pids):
    spared = {*spare, *(below for pid in spare for below in descendants(pid))}
    return [pid for pid in pids if pid not in spared]


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

    def wait(self, child, read=(), write=()):
        """Those of `read` and `child.ended` that can be read, and of `write` that can be written. Failure when a limit is passed."""
        while True:
            readable, writable, _ = select.select([*read, child.ended], write, [], TICK)
            if readable or writable:
                return readable + writable
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
            # Dear, so only when it can matter. Twice, for one look at processes that come and go may count pages double.
            used = min(sum(map(proportional_mb, pids)) for _ in range(2))
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
        self._rest = self._unsent = b""
        self.send(job["setup"])

    def send(self, message):
        """Have a message sent while its answer is waited for: a full pipe that nobody reads would hold us up."""
        self._unsent += json.dumps(message).encode() + b"\n"

    def receive(self, watch, seconds, event):
        """Its next answer, which is to be an `event`. Failure when it fails, dies or passes a limit."""
        watch.restart(seconds)
        while b"\n" not in self._rest:
            ready = watch.wait(self.child, [self._read], [self._write] if self._unsent else [])
            if self._write in ready:
                sent = os.write(self._write, self._unsent[: select.PIPE_BUF])
                self._unsent = self._unsent[sent:]
            elif self._read not in ready:
                raise Failure(*ending(self.child.code))
            if self._read in ready:
                self._rest += os.read(self._read, 65_536)
            if len(self._rest) > ANSWER_BYTES:
                raise Failure("error", GARBLED)
        line, _, self._rest = self._rest.partition(b"\n")
        answer = understood(line)
        if answer["event"] == "failed":
            raise Failure(answer["status"], answer["message"])
        if answer.pop("event") != event:
            raise Failure("error", GARBLED)
        return answer

    def close(self):
        self.child.close()
        os.close(self._write)
        os.close(self._read)
        shutil.rmtree(self._pipes, ignore_errors=True)


def understood(line):
    """A worker's answer. Failure when the line is none of ANSWERS."""
    try:
        answer = json.loads(line, parse_constant=int)  # which NaN is not
        kinds = {"event": str, **ANSWERS[answer["event"]]}
        right = set(answer) == set(kinds) and all(isinstance(answer[n], kinds[n]) for n in kinds)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Failure("error", GARBLED) from error
    if not right:
        raise Failure("error", GARBLED)
    return answer


def ending(code):
    """(status, message) of a process that ended by itself without a result."""
    number = -code if code < 0 else code - 128  # as a shell says what ended a process below it
    name = next((known.name for known in signal.Signals if known == number), f"signal {number}")
    if code < 0:
        text = f"the process was killed by {name} ({signal.strsignal(number)})"
    else:
        text = f"the process ended with exit status {code}" + (
            f" (128 + {name})" if name[:3] == "SIG" else ""
        )
    if number == signal.SIGKILL:
        return "oom", f"{text}, most likely by the kernel for want of memory"
    return "error", text


class Supervisor:
    """One job: the same method on pair after pair."""

    def __init__(self, job):
        self.job = job
        self.scratch = job["scratch"]
        self.environment = {**os.environ, "TMPDIR": self.scratch, **job["environment"]}
        self.worker = None
        self.hung = None  # what is told of a setup that did not end: it is not waited for once a pair

    def run(self, request):
        """Serve one request; never raises for what a method does."""
        event = {"pair": request["pair"], "status": "ok", "message": "", "setup_seconds": None, "calls": []}
        event |= {"peak_memory_mb": None, "peak_device_memory_mb": None, "log_tail": [], "left": []}
        watch = Watch(self.job["memory_mb"])
        serve = self._command if request["argv"] else self._python
        try:
            serve(request, event, watch)
        except (
            Failure,
            OSError,
        ) as failure:  # OSError: there is no room for the scratch folder, or no process
            known = isinstance(failure, Failure)
            event["status"], event["message"] = failure.args if known else ("error", str(failure))
            event["message"] += no_room(self.scratch, os.path.dirname(request["out"]))
            # Whatever state a failed worker is in, the next pair starts from a new one.
            self.close_worker(event)
        event["peak_memory_mb"] = round(max(event["peak_memory_mb"] or 0, watch.peak_mb), 1) or None
        return event

    def _python(self, request, event, watch):
        if request["fresh"]:
            self.close_worker(event)
        worker = self.worker or self._start_worker(event, watch)
        os.makedirs(self.scratch, exist_ok=True)  # the pair before may have deleted it
        watch.peak_mb = 0.0
        reset_high_water(worker.child.pid)
        worker.child.tail = bytearray()
        worker.send(request["request"])
        for _ in range(request["calls"]):
            event["calls"].append(worker.receive(watch, self.job["seconds"], "call"))
        event |= worker.receive(watch, self.job["seconds"], "done")
        event["peak_memory_mb"] = high_water_mb(worker.child.pid)
        event["log_tail"] = worker.child.lines()
        kill_descendants(worker.child.pid)  # daemons

    def _start_worker(self, event, watch):
        if self.hung:
            raise Failure("timeout", self.hung)
        self.empty_scratch()
        worker = self.worker = Worker(self.job, self.environment)
        try:
            ready = worker.receive(watch, self.job["setup_seconds"], "ready")
        except Failure as failure:
            if failure.args[0] == "timeout":
                self.hung = f"setup: {failure.args[1]}; the pairs after it do not wait for it again"
                raise Failure("timeout", self.hung) from failure
            raise
        event["setup_seconds"] = ready["seconds"]
        return worker

    def _command(self, request, event, watch):
        for call in range(request["calls"]):
            folder = os.path.join(self.empty_scratch(), "work")
            os.makedirs(folder)
            child = Child(request["argv"], self.environment, self.job["log"], folder=folder)
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
            with contextlib.suppress(OSError):
                event["left"] = sorted(os.listdir(folder))[:TAIL_LINES]

    def empty_scratch(self):
        shutil.rmtree(self.scratch, ignore_errors=True)
        os.makedirs(self.scratch, exist_ok=True)
        return self.scratch

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
    for number in ENDING:
        signal.signal(number, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes our standard input
    supervisor = Supervisor(json.loads(sys.stdin.readline()))
    try:
        try:
            for line in sys.stdin:
                print(json.dumps(supervisor.run(json.loads(line))), flush=True)
        finally:
            ignore_endings()
    finally:
        supervisor.close()


def end(*_):
    ignore_endings()
    sys.exit(1)


def ignore_endings():
    """Let nothing interrupt the cleaning up: the death of a parent with threads is told more than once."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
