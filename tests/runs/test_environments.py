"""A method runs in the environment that its file names, sees nothing of ours, and is held to the same limits.

Real: a venv. conda and apptainer are stand-ins that run what they are given; their command lines are held word by word.
"""

import json
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from regbench.check.environments import environment_problem
from regbench.geometry.fields import read_field
from regbench.methods.discovery import MethodFile
from regbench.runs.environments import facts_of, start_of
from regbench.runs.jobs import ROOT, START_WORKER, command_of
from tests.runs.own_environment import OwnEnvironment, first_on_path, words
from tests.runs.tiny import HERE, ODD, make_pair, run

ELSEWHERE = MethodFile("elsewhere", HERE / "elsewhere.smk", "Elsewhere", python="elsewhere:Elsewhere")
COMMAND = MethodFile("c", HERE / "c.smk", "C", command="PYTHON HERE/no_packages.py FIXED OUT")
CONTEXT = {"threads": 1, "device": "cpu", "seed": 0, "model": None}


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> OwnEnvironment:
    return OwnEnvironment(tmp_path_factory.mktemp("own") / "venv")


def test_a_class_runs_in_its_own_venv_and_sees_nothing_of_ours(tmp_path, own):
    record = run(tmp_path, replace(ELSEWHERE, venv=str(own.folder)), ["good"], threads=3)["good"]
    assert record["status"] == "ok", record["log_tail"]
    assert record["log_tail"] == [f"{own.folder} 3 []"]
    assert (read_field(record["field"])[0] == 42).all()


def test_its_record_says_where_it_ran(tmp_path, own):
    method = replace(ELSEWHERE, venv=str(own.folder))
    facts = run(tmp_path, method, ["good"])["good"]["environment"]["own"]
    assert facts["venv"] == str(own.folder)
    assert facts["python"] == sys.version.split()[0]
    assert f"numpy-{np.__version__}" in facts["packages"]
    assert "own" not in run(tmp_path, ODD, ["good"])["good"]["environment"]


def test_a_command_in_a_venv_without_packages_needs_none(tmp_path):
    venv = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    method = replace(COMMAND, venv=str(venv))
    for command in (COMMAND.command, "python HERE/no_packages.py FIXED OUT"):
        record = run(tmp_path, replace(method, command=command), ["good"])["good"]
        assert record["status"] == "ok", record["log_tail"]
        assert record["log_tail"] == [f"{venv} []"]
        assert np.array_equal(read_field(record["field"])[0].mean(axis=(1, 2, 3)), [2, 0, 0])


def test_a_venv_that_is_not_there_ends_as_an_error_that_names_it(tmp_path):
    record = run(tmp_path, replace(ELSEWHERE, venv=str(tmp_path / "gone")), ["good", "good1"])["good1"]
    assert record["status"] == "error"
    assert record["message"] == f"cannot start '{tmp_path}/gone/bin/python': No such file or directory"


@pytest.mark.parametrize(
    ("tool", "last", "place"),
    [
        ("conda", "theirs", {"conda": "theirs"}),
        ("apptainer", "docker://theirs", {"container": "docker://theirs"}),
    ],
)
def test_a_class_runs_through_conda_and_through_a_container(tmp_path, monkeypatch, own, tool, last, place):
    seen = own.stand_in(tmp_path, tool, last)
    first_on_path(monkeypatch, tmp_path)
    record = run(tmp_path, replace(ELSEWHERE, **place), ["good"])["good"]
    assert record["status"] == "ok", record["log_tail"]
    assert record["log_tail"] == [f"{own.folder} 1 []"]
    assert words(seen)[0][-2:] == ["python3", str(START_WORKER)]


def test_limits_hold_for_what_conda_starts(tmp_path, monkeypatch, own):
    own.stand_in(tmp_path, "conda", "theirs")
    first_on_path(monkeypatch, tmp_path)
    records = run(tmp_path, replace(ODD, conda="theirs"), ["hang", "hoard", "good"], seconds=3, memory_gb=0.3)
    assert [record["status"] for record in records.values()] == ["timeout", "oom", "ok"]


def test_a_container_sees_the_folders_of_its_files_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr("regbench.runs.environments.shutil.which", lambda name: name == "singularity")
    pair = make_pair(tmp_path, "good")
    method = replace(COMMAND, container="image.sif")
    out, here = tmp_path / "runs" / "out.nii.gz", HERE.resolve()
    first, second = sorted(f"{folder}:{folder}:ro" for folder in (here, tmp_path))
    assert command_of(method, {}, {**CONTEXT, "device": "cuda"}, pair, out) == [
        "singularity", "exec", "--contain", "--nv", "--bind", "$TMPDIR", "--bind", f"{tmp_path}/runs",
        "--bind", first, "--bind", second, f"{HERE}/image.sif",
        "python3", f"{here}/no_packages.py", str(tmp_path / "F.nii.gz"), str(out),
    ]  # fmt: skip


def test_the_worker_in_a_container_sees_the_package_and_a_real_folder_for_temporary_files(
    tmp_path, monkeypatch, own
):
    seen = own.stand_in(tmp_path, "apptainer", "docker://theirs")
    first_on_path(monkeypatch, tmp_path)
    run(tmp_path, replace(ELSEWHERE, container="docker://theirs"), ["good"])
    said = words(seen)[0]
    binds = [word for before, word in pairwise(said) if before == "--bind"]
    assert f"{ROOT}/regbench:{ROOT}/regbench:ro" in binds
    assert str(tmp_path / "runs") in binds
    assert [bind for bind in binds if "regbench-" in Path(bind).name and not bind.endswith(":ro")]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("theirs", ["-n", "theirs"]),
        ("/opt/theirs", ["-p", "/opt/theirs"]),
        ("./theirs", ["-p", "{folder}/theirs"]),
        ("theirs.yml", ["-n", "named"]),
    ],
)
def test_conda_is_told_which_environment(tmp_path, name, told):
    (tmp_path / "theirs.yml").write_text("name: named\ndependencies: [python]\n")
    method = MethodFile("c", tmp_path / "c.smk", "C", command="tool FIXED OUT", conda=name)
    where = [word.format(folder=tmp_path) for word in told]
    assert start_of(method) == ["conda", "run", "--no-capture-output", *where]


def test_a_run_depends_on_its_environment_and_on_what_is_installed_there(tmp_path, own):
    places = [
        {},
        {"venv": str(own.folder)},
        {"conda": "one"},
        {"conda": "other"},
        {"container": "docker://one"},
    ]
    keys = [key_of(tmp_path, place) for place in places]
    assert len(set(keys)) == len(places)
    own.add("further", "2.0", "")
    assert key_of(tmp_path, places[1]) != keys[1]


def key_of(folder: Path, place: dict) -> str:
    record = run(folder, replace(COMMAND, **place), ["good"], seconds=20)["good"]
    return record["key"]


def test_a_run_depends_on_the_contents_of_its_image(tmp_path):
    method = MethodFile("c", tmp_path / "c.smk", "C", command="true FIXED OUT", container="image.sif")
    (tmp_path / "image.sif").write_text("one")
    first = run(tmp_path, method, ["good"])["good"]["key"]
    (tmp_path / "image.sif").write_text("another")
    assert run(tmp_path, method, ["good"])["good"]["key"] != first
    assert facts_of(method) == {"container": "image.sif"}


def test_a_run_depends_on_the_versions_of_the_packages_that_its_method_names(tmp_path, monkeypatch):
    plain = replace(COMMAND, packages=())
    method = replace(COMMAND, packages=("skimage",))
    record = run(tmp_path, method, ["good"])["good"]
    assert record["environment"]["own"] == {"packages": [f"skimage-{metadata.version('scikit-image')}"]}
    assert "own" not in run(tmp_path, plain, ["good"])["good"]["environment"]
    monkeypatch.setattr("regbench.runs.environments.version_of_module", lambda module: "99.0")
    assert run(tmp_path, method, ["good"])["good"]["key"] != record["key"]


@pytest.mark.parametrize(
    ("place", "words_of_it"),
    [
        ({"venv": "gone"}, ["cannot run in its venv gone", "No such file", "python3 -m venv", "pip install numpy nibabel"]),
        ({"conda": "gone"}, ["cannot run in its conda gone", "'conda'", "conda env create"]),
        ({"conda": "gone.yml"}, ["gone.yml", "no such file"]),
        ({"container": "gone.sif"}, ["cannot run in its container gone.sif", "'apptainer'", "docker://NAME"]),
    ],
)  # fmt: skip
def test_an_environment_that_is_not_there_is_told_with_the_file_and_the_remedy(
    place, words_of_it, monkeypatch
):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    problem = environment_problem(replace(ELSEWHERE, **place))
    assert problem
    assert problem.where == str(ELSEWHERE.path)
    assert all(word in str(problem) for word in words_of_it), str(problem)


def test_packages_are_looked_for_in_the_methods_own_environment(own):
    method = replace(ELSEWHERE, venv=str(own.folder), packages=("only_here",))
    assert environment_problem(method) is None
    problem = environment_problem(replace(method, packages=("only_here", "torch")))
    assert problem
    assert f"needs torch, which its venv {own.folder} lacks" in problem.what
    assert environment_problem(replace(ELSEWHERE, packages=("torch",))) is None  # not ours to look at


def test_what_the_engine_says_is_told(tmp_path, monkeypatch):
    tool = tmp_path / "apptainer"
    tool.write_text("#!/bin/sh\necho 'FATAL: no such image' >&2; exit 255\n")
    tool.chmod(0o755)
    first_on_path(monkeypatch, tmp_path)
    problem = environment_problem(replace(COMMAND, container="docker://gone"))
    assert problem
    assert "FATAL: no such image" in problem.what


def test_the_worker_reaches_nothing_but_numpy_and_nibabel():
    code = "import sys, json, regbench.runs.worker; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert {"numpy", "nibabel"} <= set(loaded)
    assert not {"torch", "SimpleITK", "pydantic", "yaml", "pandas", "itk"} & set(loaded)


def test_a_worker_that_dies_before_it_reads_a_long_message_is_an_error_at_once(tmp_path, own):
    venv = tmp_path / "broken"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").write_text("#!/bin/sh\nexit 3\n")
    (venv / "bin" / "python").chmod(0o755)
    options = {"long": "x" * 200_000}
    record = run(tmp_path, replace(ELSEWHERE, venv=str(venv)), ["good"], options=options, seconds=30)["good"]
    assert record["status"] == "error"
    assert "exit status 3" in record["message"]


def test_a_long_message_arrives(tmp_path):
    options = {"long": "x" * 200_000}
    method = replace(ODD, python="misbehaving:Measured")
    record = run(tmp_path, method, ["good"], options=options, seconds=60)["good"]
    assert record["status"] == "ok", record["log_tail"]
    assert record["log_tail"] == ["200000"]
