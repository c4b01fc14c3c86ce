"""Studies whose tasks apply models that were trained elsewhere."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from regbench.check.models import model_problems
from regbench.check.study import check_study
from regbench.plan import Plan
from regbench.records import write_record, write_text
from regbench.study import DatasetSettings, parse_study, read_study

ROOT = Path(__file__).resolve().parents[2]
STUDIES = ROOT / "workflow" / "studies"
PAPER = STUDIES / "paper.yaml"
RAW = yaml.safe_load((STUDIES / "smoke.yaml").read_text())


def plan(results: Path, trained_on: str, name: str = "applied", **task) -> Plan:
    """The smoke study with a task `new` that applies DMI-fast's models to subjects of another dataset, which has no others."""
    raw = copy.deepcopy(RAW) | {"study": name}
    raw["datasets"]["patients"] = {
        "type": "phantom",
        "spacing": 4.0,
        "seed": 7,
        "subjects": {"train": 0, "val": 0, "test": 2},
    }
    new = {
        "dataset": "patients",
        "prepare": {"affine": {"mode": "pairwise"}},
        "methods": ["identity", "dmi_fast"],
    }
    raw["tasks"]["new"] = {**raw["tasks"]["mono"], **new, "trained_on": trained_on, **task}
    return Plan(parse_study(raw, "changed smoke.yaml"), results)


def lists(tmp_path: Path, trained: dict[str, str], tested: dict[str, str], **more) -> Plan:
    """The task `new` tests people of a table whose files another table trains on: files by name of the person."""
    changed = plan(tmp_path, "mono")
    tables = {}
    for name, split, people in (("one", "train", trained), ("two", "test", tested)):
        rows = [f"{who},T1w,{file},{split}" for who, file in people.items()]
        (tmp_path / f"{name}.csv").write_text("\n".join(["subject,contrast,image,split", *rows]))
        tables[name] = DatasetSettings(type="manifest", path=str(tmp_path / f"{name}.csv"))
        for file in people.values():
            (tmp_path / file).touch()
    of = {"mono": "one", "new": "two"}
    tasks = {name: changed.study.tasks[name].model_copy(update={"dataset": of[name]}) for name in of}
    return Plan(changed.study.model_copy(update={"datasets": tables, "tasks": tasks, **more}), tmp_path)


@pytest.mark.parametrize(
    ("tested", "message"),
    [
        (
            {"p0": "c.nii", "x": "d.nii"},
            r"it tests people whom mono trains on: p0 \(the name of p0, train\);",
        ),
        ({"x": "a.nii", "y": "d.nii"}, r"trains on: x \(.*/a.nii is also of p0, train\);"),
    ],
)
def test_people_who_are_tested_must_not_be_among_those_trained_on(tmp_path, tested, message):
    trained = {"p0": "a.nii", "p1": "b.nii"}
    assert re.search(message, told(lists(tmp_path, trained, tested)))
    assert "trains on" not in told(lists(tmp_path, trained, {"x": "c.nii", "y": "d.nii"}))


def test_nor_copies_of_their_scans_as_the_records_of_stage_data_tell(tmp_path):
    changed = lists(tmp_path, {"p0": "a.nii", "p1": "b.nii"}, {"x": "c.nii", "y": "d.nii"})
    for table, who, split in (("one", "p1", "train"), ("two", "y", "test")):
        record = {"subject": who, "split": split, "group": who, "status": "ok", "contents": "same"}
        write_record(changed.folder / "data" / table / f"{who}.json", record)
    assert "y (the same files as p1, train)" in told(changed)


def test_a_file_that_several_people_share_is_nobody_s(tmp_path):
    archive = {"p0": "all.tar", "p1": "all.tar"}
    assert "trains on" not in told(lists(tmp_path, archive, {"x": "all.tar", "y": "all.tar"}))


def test_those_whom_a_finished_study_trained_on_are_told_by_its_records_where_its_data_are_not_here(tmp_path):
    finished(tmp_path)
    (tmp_path / "there").mkdir()
    earlier = lists(tmp_path / "there", {"p0": "a.nii"}, {"x": "c.nii"}, study="earlier")
    mono = earlier.study.tasks["mono"].model_copy(update={"dataset": "gone"})
    gone = DatasetSettings(type="manifest", path="nowhere/scans.csv")
    moved = earlier.study.model_copy(update={"tasks": {"mono": mono}, "datasets": {"gone": gone}})
    write_text(tmp_path / "earlier" / "study.json", moved.model_dump_json())
    changed = lists(tmp_path, {"p1": "b.nii"}, {"p0": "d.nii"})
    new = changed.study.tasks["new"].model_copy(update={"trained_on": "earlier/mono"})
    applied = Plan(changed.study.model_copy(update={"tasks": {**changed.study.tasks, "new": new}}), tmp_path)
    (problem,) = model_problems(applied, "new")
    assert (problem.level, "who trained there is not known" in problem.what) == ("warning", True)
    record = {"subject": "p0", "split": "val", "group": "p0", "status": "ok", "contents": "c"}
    write_record(tmp_path / "earlier" / "data" / "gone" / "p0.json", record)
    assert "it tests people whom mono trains on: p0 (the name of p0, val)" in told(applied)


def test_images_prepared_in_another_way_than_the_training_s_are_refused(tmp_path):
    other = {"mask": "none", "n4": True, "percentiles": [1, 99], "affine": {"mode": "pairwise"}}
    found = told(plan(tmp_path, "mono", prepare=other))
    for line in (
        "prepared with `mask: threshold`, this task's are with none; give `prepare.mask` the training's",
        "prepared with `n4: false`, this task's are with true",
        "prepared with `percentiles: [0.5, 99.5]`, this task's are with [1.0, 99.0]",
    ):
        assert line in found


def finished(results: Path, status: str = "ok") -> None:
    """A study `earlier` in the results, whose task mono has trained DMI-fast."""
    write_text(
        results / "earlier" / "study.json", parse_study(RAW | {"study": "earlier"}, "x").model_dump_json()
    )
    path = results / "earlier" / "models" / "mono" / "dmi_fast" / "default" / "r0" / "record.json"
    path.parent.mkdir(parents=True)
    write_record(path, {"status": status})


def told(changed: Plan) -> str:
    return "\n".join(map(str, model_problems(changed, "new")))


def test_a_task_without_training_subjects_may_use_the_models_of_another_of_its_study(tmp_path):
    changed = plan(tmp_path, "mono")
    check_study(changed)
    assert {task for task, *_ in changed.trained()} == {"mono", "multi"}
    assert changed.models("new") == changed.models("mono") == tmp_path / "applied" / "models" / "mono"


def test_or_those_of_a_study_that_has_been_run(tmp_path):
    finished(tmp_path)
    changed = plan(tmp_path, "earlier/mono")
    check_study(changed)
    assert changed.models("new") == tmp_path / "earlier" / "models" / "mono"


@pytest.mark.parametrize(
    ("trained_on", "task", "message"),
    [
        ("mno", {}, r"no task 'mno' there \(did you mean 'mono'\?\); expected one of mono, multi, new"),
        ("new", {}, "task 'new' trains no models, it has those of new"),
        ("earler/mono", {}, r"no results of a study 'earler' in .*\(did you mean 'earlier'\?\); run that study first"),
        ("earlier/mono", {"methods": ["dmi"]}, r"no model of dmi, variant default: .*record.json is not there"),
        ("mono", {"methods": ["dmi_fast"], "moving": "T2w"}, "trained to align T1w to T1w, this task is T2w to T1w"),
        ("mono", {"grid": {"spacing": [3, 3, 3], "shape": [32, 32, 32]}}, "trained at 6 x 6 x 6 mm, this task's grid has 3 x 3 x 3 mm"),
        ("mono", {"methods": ["syn"]}, "no method of this task is learned"),
    ],
)  # fmt: skip
def test_models_that_are_not_there_or_of_other_pairs_are_refused_before_anything_runs(
    tmp_path, trained_on, task, message
):
    finished(tmp_path)
    assert re.search(message, told(plan(tmp_path, trained_on, **task)))


def test_a_training_that_failed_there_and_a_method_that_another_task_does_not_train_are_refused(tmp_path):
    finished(tmp_path, "timeout")
    assert "the training of dmi_fast, variant default, ended as timeout" in told(
        plan(tmp_path, "earlier/mono")
    )
    changed = plan(tmp_path, "mono")
    mono = changed.study.tasks["mono"].model_copy(update={"methods": ["syn"]})
    tasks = {**changed.study.tasks, "mono": mono}
    lacking = Plan(changed.study.model_copy(update={"tasks": tasks}), tmp_path)
    assert "task mono trains no dmi_fast, variant default; name the method there" in told(lacking)


def test_methods_with_models_from_elsewhere_are_not_tuned(tmp_path):
    changed = plan(tmp_path, "mono")
    tuned = changed.study.model_validate({**changed.study.model_dump(), "tuning": {"methods": ["dmi_fast"]}})
    assert "dmi_fast is tuned, which takes trainings in this task" in told(Plan(tuned, tmp_path))


@pytest.mark.skipif(not PAPER.exists(), reason="needs workflow/studies/paper.yaml")
def test_the_study_of_oasis_3_applies_models_that_the_paper_s_study_trains(tmp_path):
    paper = read_study(PAPER)
    write_text(tmp_path / "paper" / "study.json", paper.model_dump_json())
    study = read_study(STUDIES / "oasis3.yaml")
    lacking = model_problems(Plan(study, tmp_path), "sessions")
    assert {problem.todo for problem in lacking} == {"train it there first"}  # and nothing else is wrong
    for method in ("dmi", "dmi_fast"):
        assert paper.method(method).seeds >= study.method(method).seeds
        assert "default" in paper.method(method).variants
