"""Training of a command: its model is written whole or not at all, and reaches its runs; failures are records."""

import json
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from regbench.methods.discovery import MethodFile, discover
from regbench.models.command import train_by_command
from regbench.study import LimitSettings
from tests.runs.tiny import make_pair, run, run_identity

METHOD = """
use rule run as learner with:
    wildcard_constraints:
        method="learner",
    params:
        label="Learner",
        command="PYTHON HERE/learner.py run FIXED MODEL FIELD OUT",
        train="PYTHON HERE/learner.py DOES PAIRS VALIDATION MODEL --seed=SEED --threads=THREADS",
        options={"does": "train", "field": ""},
"""
PROGRAM = """
    import csv, json, shutil, sys, time

    def table(path):
        return list(csv.DictReader(open(path)))

    what, *words = sys.argv[1:]
    if what == "run":
        fixed, model, field, out = words
        assert fixed in json.load(open(model))["fixed"], "a model of other pairs"
        shutil.copy(field, out)
    elif what == "train":
        pairs, validation, model, *rest = words
        print("learning from", len(table(pairs)))
        found = {name: [row[name] for row in table(pairs)] for name in ("pair", "fixed", "fixed_mask")}
        json.dump({**found, "validation": len(table(validation)), "rest": rest}, open(model, "w"))
    elif what == "fail":
        open(words[2], "w").write("half a mo")
        sys.exit("no convergence")
    elif what == "sleep":
        time.sleep(3600)
    elif what == "hoard":
        kept = bytearray(400 * 2**20)
        time.sleep(3600)
"""
OUTCOMES = {
    "fail": ("error", "exit status 1"),
    "sleep": ("timeout", "within the limit of 1 s"),
    "hoard": ("oom", "the limit is 205 MB"),
    "nothing": ("invalid", "wrote no model"),
}


@pytest.fixture
def learner(tmp_path) -> MethodFile:
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "learner.smk").write_text(METHOD)
    (folder / "learner.py").write_text(textwrap.dedent(PROGRAM))
    return discover([folder])["learner"]


def train(folder: Path, method: MethodFile, does: str = "train", **limits) -> dict:
    pairs = [make_pair(folder, name) for name in ("A", "B", "V")]
    pairs[0]["fixed"]["mask"] = pairs[0]["fixed"]["image"]
    lost = {**pairs[1], "pair": "F__lost", "status": "error"}
    return train_by_command(
        method, {"does": does, "field": ""}, [*pairs[:2], lost], pairs[2:], folder=folder / "models", seed=7,
        threads=2, device="cpu", limits=LimitSettings(**limits), log=folder / "train.log",
    )  # fmt: skip


def test_a_command_learns_from_the_pairs_that_were_prepared_and_runs_get_its_model(tmp_path, learner):
    record = train(tmp_path, learner)
    assert (record["status"], record["log_tail"]) == ("ok", ["learning from 2"])
    model = json.loads(Path(record["model"]).read_text())
    assert model["pair"] == ["F__A", "F__B"]
    assert model["fixed_mask"] == [str((tmp_path / "F.nii.gz").resolve()), ""]
    assert (model["validation"], model["rest"]) == (1, ["--seed=7", "--threads=2"])
    assert record["seconds"] > 0
    field = run_identity(tmp_path / "made")
    options = {"does": "train", "field": field}
    done = run(tmp_path, learner, ["A"], options=options, model_record=record)["A"]
    assert done["status"] == "ok", done["log_tail"]


def test_a_training_is_not_done_again_unless_something_it_depends_on_has_changed(tmp_path, learner):
    first = train(tmp_path, learner)
    (tmp_path / "models" / "record.json").unlink()
    assert train(tmp_path, learner) == first
    assert (tmp_path / "train.log").read_text().count("learning") == 1
    (learner.path.parent / "learner.py").open("a").write("# another version\n")
    assert train(tmp_path, learner)["key"] != first["key"]
    venv = replace(learner, venv=str(tmp_path / "gone"))
    assert train(tmp_path, venv)["status"] == "error"


@pytest.mark.parametrize("does", OUTCOMES)
def test_a_training_that_fails_is_a_record_and_leaves_no_model(tmp_path, learner, does):
    train(tmp_path, learner)
    record = train(tmp_path, learner, does, train_seconds=60 if does == "hoard" else 1, memory_gb=0.2)
    status, message = OUTCOMES[does]
    assert record["status"] == status
    assert message in record["message"]
    assert record["model"] is None
    assert not list((tmp_path / "models").glob("*model*"))
    done = run(tmp_path, learner, ["A"], model_record=record)["A"]
    assert done["status"] == "skipped"
    assert done["message"].startswith(f"upstream: training ended as {status}")


def test_without_a_prepared_pair_the_training_is_skipped(tmp_path, learner):
    record = train_by_command(
        learner, {}, [{"pair": "A__B", "status": "error"}], [], folder=tmp_path, seed=0, threads=1, device="cpu",
        limits=LimitSettings(),
    )  # fmt: skip
    assert record["status"] == "skipped"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("MODEL --seed", "says nothing of MODEL"),
        ('label="Learner",', "instead of trains or model_of"),
        ('command="PYTHON HERE/learner.py run FIXED MODEL FIELD OUT"', "the training of a command"),
    ],
)
def test_a_training_that_cannot_be_is_refused_with_its_line(tmp_path, learner, change, message):
    new = {"MODEL --seed": "--seed", 'label="Learner",': 'label="Learner", model_of="other",'}
    text = learner.path.read_text().replace(change, new.get(change, 'python="learner:Learner"'))
    learner.path.write_text(text)
    with pytest.raises(ValueError, match=message):
        discover([learner.path.parent])
