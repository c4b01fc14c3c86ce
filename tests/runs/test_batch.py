"""A batch: whatever a method does, its pair ends as the right record and the others complete."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from regbench.geometry.fields import read_field
from regbench.methods.discovery import MethodFile
from regbench.problems import StepFailed
from regbench.records import read_record
from regbench.runs.jobs import THREADS, command_of
from regbench.runs.lock import machine_lock
from tests.runs.tiny import HERE, ODD, make_pair, run, run_identity

ROOT = HERE.parents[1]
OUTCOMES = {
    "crash": ("error", "RuntimeError: as asked"),
    "segfault": ("error", "SIGSEGV"),
    "leave": ("error", "exit status 3"),
    "hang": ("timeout", "within the limit of 3 s"),
    "hoard": ("oom", "the limit is 512 MB"),
    "refuse": ("oom", "MemoryError"),
    "nan": ("invalid", "NaN"),
    "misshapen": ("invalid", "expected an array of floats (3, 8, 9, 10)"),
    "nothing": ("invalid", "NoneType"),
    "kills_parent": ("error", "the process that watches over the method was killed"),
    "closes_all": ("error", "exit status 1"),
    "answers_nan": ("error", "no answer of its worker"),
    "answers_endlessly": ("error", "no answer of its worker"),
    "says_much": ("error", "RuntimeError: \nlong long"),
    "too_large": ("invalid", "NaN or infinite"),
    "tensor": ("invalid", "Tensor"),
    "garbage": ("ok", ""),
    "orphan": ("ok", ""),
    "daemon": ("ok", ""),
    "sees": ("ok", ""),
    "forks": ("ok", ""),
    "forks_crash": ("ok", ""),
    "moves": ("ok", ""),
    "litters": ("ok", ""),
    "deletes_tmp": ("ok", ""),
    "forgets": ("ok", ""),
    "floods": ("ok", ""),
    "double": ("ok", ""),
    "strided": ("ok", ""),
    "shares": ("ok", ""),
    "closes_streams": ("ok", ""),
    "good": ("ok", ""),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outcomes")
    return folder, run(folder, ODD, list(OUTCOMES), seconds=3, memory_gb=0.5)


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_failure_ends_as_its_own_status(outcomes, name):
    record = outcomes[1][name]
    status, message = OUTCOMES[name]
    assert record["status"] == status
    assert message in record["message"]
    assert (record["field"] is None) == (status != "ok")


def test_the_last_lines_of_a_failed_method_are_kept(outcomes):
    tail = outcomes[1]["crash"]["log_tail"]
    assert "about to crash" in tail
    assert tail[-1] == "RuntimeError: as asked"


def test_no_half_written_field_and_no_process_is_left(outcomes):
    folder, _ = outcomes
    assert not list((folder / "runs").glob(".*"))
    for left in ("orphan", "survivor", "daemon"):
        assert not alive((folder / left).read_text())
    assert outcomes[1]["sees"]["log_tail"] == ["gone"]


def test_a_method_works_in_a_folder_of_its_own_that_is_gone_afterwards(outcomes):
    (folder,) = outcomes[1]["litters"]["log_tail"]
    assert not Path(folder).exists()
    assert not Path("litter").exists()


def test_a_flood_of_output_is_cut_in_the_log_and_its_end_is_kept(outcomes):
    folder, records = outcomes
    assert records["floods"]["log_tail"][-1].startswith("line 199999 of")
    log = (folder / "runs" / "output.log").read_bytes()
    assert b"keeps no more than this" in log
    # At most 1 MiB of each worker; each pair that ends badly is followed by another worker.
    assert len(log) < 2**20 * (1 + sum(record["status"] != "ok" for record in records.values())) + 4096


def test_the_log_of_a_method_that_killed_its_supervisor_is_told(outcomes):
    assert "before the kill" in outcomes[1]["kills_parent"]["log_tail"]


def test_memory_that_processes_share_counts_once(outcomes):
    assert 200 < outcomes[1]["shares"]["peak_memory_mb"] < 500


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("misbehaving:NoSetup", "RuntimeError: no licence"),
        ("misbehaving:NoSuch", "expected 'package.module:Class'"),
        ("nowhere:Odd", "No module named 'nowhere'"),
    ],
)
def test_a_class_that_cannot_be_set_up_is_told_for_each_pair(tmp_path, name, message):
    records = run(tmp_path, replace(ODD, python=name), ["good", "good1"])
    for record in records.values():
        assert record["status"] == "error"
        assert message in record["message"]


def test_a_setup_that_hangs_is_waited_for_once(tmp_path, monkeypatch):
    monkeypatch.setattr("regbench.runs.jobs.SETUP_SECONDS", 2)
    stuck = replace(ODD, python="misbehaving:Stuck")
    records = run(tmp_path, stuck, ["good", "good1", "good2"], seconds=1)
    for record in records.values():
        assert record["status"] == "timeout"
        assert "setup: no result within the limit of 2 s" in record["message"]
    assert records["good"]["peak_memory_mb"]
    assert not records["good1"]["peak_memory_mb"]  # no process was started


def test_a_supervisor_that_is_stopped_costs_its_pair_alone(tmp_path, monkeypatch, zero_field):
    monkeypatch.setattr("regbench.runs.jobs.SETUP_SECONDS", 1)
    monkeypatch.setattr("regbench.runs.jobs.PATIENCE_SECONDS", 0)
    script = "case MOVING in *stops*) kill -STOP $PPID; sleep 3600;; esac; cp FIELD OUT"
    command = MethodFile("c", HERE / "c.smk", "C", command=f"sh -c '{script}'")
    records = run(tmp_path, command, ["stops", "good"], seconds=1, options={"field": zero_field})
    assert records["stops"]["status"] == "timeout"
    assert "was stopped" in records["stops"]["message"]
    assert records["good"]["status"] == "ok"


def test_field_is_zero_as_the_method_returned_it_and_phases_are_apart(outcomes):
    record = outcomes[1]["good"]
    field, grid = read_field(record["field"])
    assert not field.any()
    assert grid.shape == (8, 9, 10)
    assert set(record["phases"]) == {"load", "compute", "save"}
    assert record["peak_memory_mb"] > 20


def test_finished_pairs_are_not_run_again_unless_something_changed(tmp_path):
    first = run(tmp_path, ODD, ["crash", "good"])
    again = run(tmp_path, ODD, ["crash", "good"])
    assert again == first
    Path(first["good"]["field"]).unlink()
    assert Path(run(tmp_path, ODD, ["good", "crash"])["good"]["field"]).is_file()
    changed = run(tmp_path, ODD, ["good", "crash"], code_fingerprint="other")
    assert changed["good"]["key"] != first["good"]["key"]


def test_a_batch_that_is_to_stop_ends_at_the_first_failure_and_goes_on_without_it(tmp_path):
    with pytest.raises(
        StepFailed, match=r"(?s)t/odd/default, pair F__crash ended as error: RuntimeError.*about to"
    ) as stopped:
        run(tmp_path, ODD, ["good", "crash", "good1"], on_failure="stop")
    assert f"its log is {tmp_path / 'runs' / 'output.log'}" in str(stopped.value)
    kept = {path.stem: read_record(path) for path in (tmp_path / "runs").glob("F__*.json")}
    assert {pair: record["status"] for pair, record in kept.items()} == {"F__good": "ok", "F__crash": "error"}
    assert not (tmp_path / "runs" / "batch.json").exists()
    records = run(tmp_path, ODD, ["good", "crash", "good1"])
    assert [records["good"], records["crash"]] == [kept["F__good"], kept["F__crash"]]
    assert records["good1"]["status"] == "ok"


def test_a_batch_that_is_to_stop_tries_failed_pairs_again_and_no_others(tmp_path):
    names = ["good", "fails_once"]
    assert run(tmp_path, ODD, names)["fails_once"]["status"] == "error"
    first = read_record(tmp_path / "runs" / "F__good.json")
    records = run(tmp_path, ODD, names, on_failure="stop")
    assert records["fails_once"]["status"] == "ok"
    assert records["good"] == first


def test_what_depends_on_a_failed_step_is_skipped(tmp_path):
    unprepared = {"pair": "A__B", "status": "error", "message": "no brain", "fixed": {"subject": "A"}}
    unprepared |= {"moving": {"subject": "B"}, "truth": None}
    record = run(tmp_path, ODD, [unprepared])["B"]
    assert record["status"] == "skipped"
    assert record["message"] == "upstream: preparation ended as error: no brain"
    learned = replace(ODD, trains=True)
    record = run(tmp_path, learned, ["good"], model_record={"status": "timeout", "message": "slow"})["good"]
    assert record["message"] == "upstream: training ended as timeout: slow"
    record = run(tmp_path, replace(ODD, needs_truth=True), ["good"])["good"]
    assert record["status"] == "skipped"


def test_a_device_that_is_not_there_is_skipped_and_not_guessed(tmp_path, monkeypatch):
    timed = {"timed": True, "device": "cuda"}
    assert run(tmp_path, ODD, ["good"], **timed)["good"]["status"] == "skipped"
    monkeypatch.setattr("regbench.runs.batch.environment", lambda: {"gpu": None})
    able = replace(ODD, devices=("cpu", "cuda"))
    assert run(tmp_path, able, ["good"], **timed)["good"]["message"] == "no CUDA device on this machine"
    assert run(tmp_path, ODD, ["good"], device="cuda")["good"]["device"] == "cpu"


def test_required_options_are_asked_for(tmp_path):
    with pytest.raises(ValueError, match="no value for fields"):
        run(tmp_path, replace(ODD, requires=("fields",)), ["good"])


def test_timed_runs_start_cold_and_report_the_steady_calls(tmp_path):
    records = run(tmp_path, ODD, ["good", "good1"], timed=True)
    for record in records.values():
        assert [call["call"] for call in record["calls"]] == [0, 1, 2]
        steady = sorted(call["compute"] for call in record["calls"][1:])
        assert steady[0] <= record["phases"]["compute"] <= steady[1]
        assert record["setup_seconds"] > 0
        assert record["field"] is None


def test_threads_device_and_seed_reach_the_method(tmp_path):
    names = ["threads", "random", "random1"]
    records = run(tmp_path, ODD, names, threads=3)
    assert records["threads"]["log_tail"] == [" ".join(f"{name}=3" for name in THREADS), "3 -1 3"]
    draws = [records[name]["log_tail"][0].split() for name in names[1:]]
    assert draws[0][:2] != draws[1][:2]
    assert draws[0][2] == draws[1][2]
    (tmp_path / "again").mkdir()
    alone = run(tmp_path / "again", ODD, ["random"], threads=3)
    assert alone["random"]["log_tail"] == records["random"]["log_tail"]


def test_waiting_for_the_machine_does_not_count(tmp_path):
    command = MethodFile("c", HERE / "c.smk", "C", command="cp FIELD OUT")
    field = run_identity(tmp_path / "made")
    with_lock = "import time; from regbench.runs.lock import machine_lock\nwith machine_lock('exclusive'):\n"
    with_lock += "  print(1, flush=True); time.sleep(2)"
    holder = subprocess.Popen([sys.executable, "-c", with_lock], stdout=subprocess.PIPE)
    assert holder.stdout
    holder.stdout.read(1)
    record = run(tmp_path, command, ["good"], seconds=1.5, options={"field": field})["good"]
    assert holder.wait() == 0
    assert record["status"] == "ok"


COMMANDS = {
    "cp FIELD OUT": ("ok", ""),
    "sh -c 'echo oh no >&2; exit 4'": ("error", "exit status 4"),
    "there-is-no-such-tool OUT": ("error", "cannot start 'there-is-no-such-tool'"),
    "sh -c 'kill -ABRT $$'": ("error", "SIGABRT"),
    "sh -c 'kill -KILL $$'": ("oom", "SIGKILL"),
    "sh -c 'sh -c \"kill -KILL \\$\\$\"; exit $?'": ("oom", "exit status 137 (128 + SIGKILL)"),
    "sh -c 'sh -c \"kill -SEGV \\$\\$\"; exit $?'": ("error", "exit status 139 (128 + SIGSEGV)"),
    "sh -c 'kill -40 $$'": ("error", "signal 40"),
    "sh -c 'kill -KILL $PPID; sleep 3600'": ("error", "watches over the method was killed"),
    "sh -c 'kill -STOP $$'": ("timeout", "limit of 1 s"),
    "sh -c 'sleep 3600 & wait'": ("timeout", "limit of 1 s"),
    "sh -c \"trap '' TERM INT HUP; sleep 3600\"": ("timeout", "limit of 1 s"),
    "sh -c 'exec <&- >&- 2>&-; cp FIELD OUT'": ("ok", ""),
    "sh -c 'setsid sleep 3600 & cp FIELD OUT'": ("ok", ""),
    "sh -c 'rm -r $TMPDIR; cd /; cp FIELD OUT'": ("ok", ""),
    "sh -c 'yes | head -c 9000000; cp FIELD OUT'": ("ok", ""),
    "true FIXED MOVING": ("invalid", "wrote no field"),
    "cp FIELD result.nii.gz": ("invalid", "it left result.nii.gz"),
    "cp FIELD OUT.mha": ("invalid", ".F__good.nii.gz.mha"),
    "sh -c 'head -c 100 FIELD > OUT'": ("invalid", "cannot be read"),
    "mkfifo OUT": ("invalid", "no file but a link, a folder or the like"),
    "mkdir OUT": ("invalid", "no file but a link, a folder or the like"),
    "ln -s FIELD OUT": ("invalid", "no file but a link, a folder or the like"),
    "cp FIXED OUT": ("invalid", "not an ITK displacement field"),
    "cp HERE/tiny.py OUT": ("invalid", "cannot be read"),
    "cat FIXED_MASK": ("error", "FIXED_MASK"),
}


@pytest.fixture(scope="module")
def zero_field(tmp_path_factory):
    return run_identity(tmp_path_factory.mktemp("zero") / "made")


def test_files_that_a_command_or_its_options_name_are_found_from_the_users_folder(
    tmp_path, zero_field, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_text('#!/bin/sh\ncp "$1" "$2"; pwd\n')
    (tmp_path / "bin" / "tool").chmod(0o755)
    (tmp_path / "zero.nii.gz").write_bytes(Path(zero_field).read_bytes())
    method = MethodFile("c", HERE / "c.smk", "C", command="bin/tool FIELD OUT")
    record = run(Path("."), method, ["good"], options={"field": "zero.nii.gz"})["good"]
    assert record["status"] == "ok"
    assert record["log_tail"] != [str(tmp_path)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "F.nii.gz",
        "bin",
        "good.nii.gz",
        "runs",
        "zero.nii.gz",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_as_its_status(tmp_path, zero_field, command):
    method = MethodFile("c", HERE / "c.smk", "C", command=command)
    record = run(tmp_path, method, ["good"], seconds=1, options={"field": zero_field})["good"]
    status, message = COMMANDS[command]
    assert record["status"] == status
    assert message in record["message"]
    assert record["kind"] == "command"
    assert not list((tmp_path / "runs").glob(".*"))
    assert set(record["phases"]) == ({"total"} if status in ("ok", "invalid") else set())


def test_memory_is_that_of_the_whole_process_tree(tmp_path):
    script = "import time; x = bytearray(300 * 2**20); time.sleep(3600)"
    method = MethodFile("c", HERE / "c.smk", "C", command=f"sh -c '{sys.executable} -c \"{script}\" & wait'")
    record = run(tmp_path, method, ["good"], memory_gb=0.2)["good"]
    assert record["status"] == "oom"
    assert record["peak_memory_mb"] > 200


def test_what_a_command_leaves_running_is_gone_before_the_next_pair(tmp_path, zero_field):
    """The second pair's command ends with 7 where it finds the first one's daemon."""
    look = "test -e LEFT && kill -0 $(cat LEFT) && exit 7"
    leave = "setsid sleep 300 > /dev/null 2>&1 & echo $! > LEFT"
    method = MethodFile("c", HERE / "c.smk", "C", command=f"sh -c '{look}; {leave}; cp FIELD OUT'")
    options = {"field": zero_field, "left": str(tmp_path / "left")}
    records = run(tmp_path, method, ["good", "good1"], options=options)
    assert {record["status"] for record in records.values()} == {"ok"}, records
    assert (tmp_path / "left").exists()


def test_a_command_is_timed_as_a_whole(tmp_path, zero_field):
    method = MethodFile("c", HERE / "c.smk", "C", command="cp FIELD OUT")
    record = run(tmp_path, method, ["good"], timed=True, options={"field": zero_field})["good"]
    assert [set(call) for call in record["calls"]] == [{"call", "total"}] * 3
    assert set(record["phases"]) == {"total"}
    assert record["peak_memory_mb"] > 0


def test_after_sigkill_the_same_call_goes_on_where_it_was(tmp_path):
    names = [f"slow{k}" for k in range(4)]
    script = "import sys; from pathlib import Path; from tests.runs.tiny import ODD, run\n"
    script += f"run(Path(sys.argv[1]), ODD, {names})"
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    wait_for(lambda: (tmp_path / "runs" / "F__slow1.json").exists())
    process.send_signal(signal.SIGKILL)
    process.wait()
    workers = {line.split()[1] for line in (tmp_path / "started").read_text().splitlines()}
    wait_for(lambda: not any(alive(pid) for pid in workers))
    kept = json.loads((tmp_path / "runs" / "F__slow0.json").read_text())
    records = run(tmp_path, ODD, names)
    assert records["slow0"] == kept
    assert {record["status"] for record in records.values()} == {"ok"}
    started = [line.split()[0] for line in (tmp_path / "started").read_text().splitlines()]
    assert started.count("slow0") == started.count("slow1") == 1
    with machine_lock("exclusive") as waited:
        assert waited < 60


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]


def test_ctrl_c_ends_a_run_that_no_snakemake_started(tmp_path):
    script = "import signal, sys; from pathlib import Path; from tests.runs.tiny import ODD, run\n"
    # In the background of a script, where a shell has SIGINT ignored, Ctrl-C would not be one.
    script += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    script += "run(Path(sys.argv[1]), ODD, ['slow', 'hang'], seconds=3600)"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: (tmp_path / "runs" / "F__slow.json").exists())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in said


def test_words_that_name_files_are_paths_and_nothing_in_them_is_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("OUT", "DATA"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool.sh").touch()
    method = MethodFile("c", HERE / "c.smk", "C", command="DATA/tool.sh --atlas=./OUT --n=DATA OUT")
    context = {"threads": 1, "device": "cpu", "seed": 0, "model": None}
    words = command_of(method, {"data": 7}, context, make_pair(tmp_path, "A"), Path("f.nii.gz"))
    assert words == [f"{tmp_path}/DATA/tool.sh", f"--atlas={tmp_path}/OUT", "--n=7", f"{tmp_path}/f.nii.gz"]


def test_variants_have_the_same_seeds(tmp_path):
    draws = [
        run(tmp_path / v, ODD, ["random"], variant=v)["random"]["log_tail"]
        for v in ("default", "tuned")
        if (tmp_path / v).mkdir() is None
    ]
    assert draws[0] == draws[1]
