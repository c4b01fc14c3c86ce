"""What people see of the command line: help, lists, completion, exit codes."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from regbench.workflow import Workflow
from tests.check.world import World

ROOT = Path(__file__).resolve().parent.parent
CODE = "import sys; sys.argv[0] = 'regbench'; from regbench.__main__ import main; main()"


def regbench(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    """The console script's call of main(), of this very source tree."""
    return subprocess.run(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb", "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def test_a_sound_study_ends_with_0_and_says_how_much_was_read(world):
    done = regbench("check", world.write(), cwd=world.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(
        r"no errors, no warnings \(24 files, 24 of them new or changed, checked in \d+ s\)", done.stdout
    )


def test_warnings_alone_end_with_0(world):
    world.study["threads"] = 4096
    done = regbench("check", world.write(), "--threads", "1", cwd=world.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no errors, 1 warning" in done.stdout


def test_errors_end_with_2_and_are_counted(world):
    world.path("s5_T1w.nii.gz").write_bytes(b"")
    world.study["method_folders"] = ["nowhere"]
    done = regbench("check", world.write(), cwd=world.folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "s5_T1w.nii.gz: the file is empty" in done.stdout
    assert "2 errors, no warnings" in done.stdout
    assert done.stdout.startswith(f"{world.path('study.yaml')}:\n")
    assert "on_bad_data: record" in done.stdout


@pytest.mark.parametrize(("policy", "code"), [("stop", 2), ("record", 0)])
def test_snakemakes_call_goes_on_over_bad_files_where_the_study_says_so(world, policy, code):
    world.path("s5_T1w.nii.gz").write_bytes(b"")
    world.study["on_bad_data"] = policy
    world.write()
    study = world.folder / "results" / "tiny" / "study.json"
    study.parent.mkdir(parents=True)
    study.write_text(json.dumps(world.study))
    done = regbench("check", study, "--before-jobs", cwd=world.folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert "the file is empty" in done.stdout
    assert regbench("check", world.path("study.yaml"), cwd=world.folder).returncode == 2


@pytest.mark.parametrize(("where", "code", "level"), [([], 2, "error"), (["--elsewhere"], 0, "warning")])
def test_a_device_missing_here_is_an_error_unless_jobs_run_elsewhere(world, monkeypatch, where, code, level):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    world.study["device"] = "cuda"
    world.write()
    study = world.folder / "results" / "tiny" / "study.json"
    study.parent.mkdir(parents=True)
    study.write_text(json.dumps(world.study))
    done = regbench("check", study, "--before-jobs", *where, cwd=world.folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert re.search(rf"^{level} +device: `cuda`, but torch finds no such device", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["list", "metrics"], 0, "dsc"),
        (["list", "metods"], 2, "'methods'"),
        (["show", "nowhere"], 2, "nowhere"),
        (["check", "nowhere.yaml"], 2, "no such file"),
        (["chek"], 2, "check"),
        (["list", "methods", "--study", "nowhere.yaml"], 2, "nowhere.yaml: no such file"),
        (["tables", "--study", "README.md"], 2, "README.md"),
    ],
)
def test_exit_codes_tell_done_from_wrong_input(arguments, code, says):
    done = regbench(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("raised", "code"), [("ZeroDivisionError", 1), ("KeyboardInterrupt", 130)])
def test_a_bug_ends_with_1_and_its_traceback_and_a_stop_with_130(raised, code):
    broken = "import regbench.scores.metrics as m; m.METRICS = type('M', (), {'items': boom})()"
    broken = f"def boom(self): raise {raised}\n{broken}\n{CODE}"
    done = subprocess.run(
        [sys.executable, "-c", broken, "list", "metrics"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == code
    assert ("Traceback" in done.stderr) == (code == 1)


def test_a_full_disk_ends_with_2_its_place_and_what_to_do():
    full = "def full(self): raise OSError(28, 'No space left on device', 'there/record.json')"
    broken = f"import regbench.scores.metrics as m; m.METRICS = type('M', (), {{'items': full}})()\n{CODE}"
    done = subprocess.run(
        [sys.executable, "-c", f"{full}\n{broken}", "list", "metrics"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "No space left on device: 'there/record.json'; make room there" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_shows_peoples_commands_first_and_the_exit_codes():
    text = regbench("--help").stdout
    assert text.index("check") < text.index("show") < text.index("retry") < text.index("prepare-subject")
    assert "Stages, called by Snakemake's rules" in text
    assert "0 done; 1 a bug in regbench" in text
    readme = (ROOT / "README.md").read_text()
    assert "0 done" in readme
    assert "1 a bug in regbench" in readme


@pytest.mark.parametrize("command", ["check", "list", "show", "retry", "merge", "reference"])
def test_help_of_every_command_for_people_teaches_by_example(command):
    assert f"regbench {command} " in regbench(command, "--help").stdout.partition("Example")[2]


def test_lists_have_columns_and_a_studys_own_methods(world):
    world.method('command="tool FIXED MOVING OUT"', name="myown")
    text = regbench("list", "methods", "--study", world.write()).stdout
    assert text.splitlines()[0].split() == [
        "METHOD",
        "ROW",
        "IN",
        "TABLES",
        "TASKS",
        "DEVICES",
        "LEARNED",
        "SOURCE",
    ]
    assert re.search(r"^myown +Mine +mono multi +cpu +no", text, re.MULTILINE)
    assert re.search(r"^voxelmorph +VoxelMorph +mono +cpu cuda +yes", text, re.MULTILINE)
    assert "myown" not in regbench("list", "methods").stdout
    assert re.search(r"^manifest +path root columns", regbench("list", "datasets").stdout, re.MULTILINE)
    assert re.search(r"^config.yaml +mono multi", regbench("list", "studies").stdout, re.MULTILINE)
    assert re.search(
        r"^hd95 +HD95 \(mm\) +lower +mono multi +labels", regbench("list", "metrics").stdout, re.MULTILINE
    )


@pytest.mark.parametrize("of", ["a study that names regbench's folder", "the study.json of its results"])
def test_methods_are_listed_once_also_where_a_study_names_their_folder(world, of):
    world.study["method_folders"] = [str(ROOT / "workflow" / "methods")]
    study = world.write()
    if of == "the study.json of its results":
        plan = Workflow.from_file(study, world.folder / "results")
        plan.write_study()
        study = plan.study_file
    done = regbench("list", "methods", "--study", str(study))
    assert done.returncode == 0, done.stderr
    assert done.stdout == regbench("list", "methods").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell):
    done = regbench(_REGBENCH_COMPLETE=f"source_{shell}")
    assert done.returncode == 0, done.stderr
    assert "_REGBENCH_COMPLETE" in done.stdout


def test_completion_knows_commands_and_words():
    done = regbench(_REGBENCH_COMPLETE="complete_bash", COMP_WORDS="regbench che", COMP_CWORD="1")
    assert done.stdout.split() == ["check"]
    done = regbench(_REGBENCH_COMPLETE="complete_bash", COMP_WORDS="regbench list me", COMP_CWORD="2")
    assert done.stdout.split() == ["methods", "metrics"]


def test_the_console_script_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"regbench": "regbench.__main__:main"}
