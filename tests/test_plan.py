"""Pairs, batches and files follow from the study alone."""

import copy
from pathlib import Path

import pytest
import yaml

from regbench.check.study import check_study
from regbench.methods.discovery import discover
from regbench.plan import Plan
from regbench.runs.environments import made
from regbench.study import parse_study
from regbench.workflow import Workflow

ROOT = Path(__file__).resolve().parent.parent
RAW = yaml.safe_load((ROOT / "workflow" / "studies" / "smoke.yaml").read_text())


def plan(tmp_path, **changes) -> Plan:
    """The smoke study's plan with keys of its task `mono` and of the study itself changed."""
    raw = copy.deepcopy(RAW)
    raw["datasets"]["phantom"]["subjects"] = {"train": 4, "val": 2, "test": 3}
    raw["tasks"]["mono"] |= changes.pop("mono", {})
    return Plan(parse_study({**raw, **changes}, "changed smoke.yaml"), tmp_path)


def test_between_subjects_all_ordered_pairs_of_one_split(tmp_path):
    pairs = plan(tmp_path).pairs("mono", "test")
    assert len(pairs) == len(set(pairs)) == 6
    assert all(fixed != moving for fixed, moving in pairs)
    assert {name for pair in pairs for name in pair} == {"test01", "test02", "test03"}


def test_within_subject_each_subject_with_itself(tmp_path):
    changed = plan(tmp_path, mono={"pairing": "within", "moving": "T2w"})
    assert changed.pairs("mono", "train") == [(f"train0{k}", f"train0{k}") for k in (1, 2, 3, 4)]


def test_in_a_follow_up_each_later_scan_of_a_person_is_fixed_and_the_first_moves(tmp_path):
    rows = [
        "subject,group,split",
        "a2,a,test",
        "b1,b,test",
        "a1,a,test",
        "a3,a,test",
        "c1,c,train",
        "c2,c,train",
    ]
    (tmp_path / "scans.csv").write_text("\n".join(rows))
    for row in rows[1:]:
        (tmp_path / f"{row[:2]}.nii.gz").touch()
    scans = {"type": "manifest", "path": str(tmp_path / "scans.csv"), "images": {"T1w": "{subject}.nii.gz"}}
    datasets = {**RAW["datasets"], "scans": scans}
    changed = plan(tmp_path, datasets=datasets, mono={"dataset": "scans", "pairing": "followup"})
    assert changed.pairs("mono", "test") == [("a1", "a2"), ("a3", "a2")]
    assert changed.pairs("mono", "train") == [("c2", "c1")]
    assert changed.task("mono").modality == "mono"


def test_a_follow_up_of_people_in_one_group_is_each_person_s_own(tmp_path):
    visits = [("a", "pre"), ("b", "pre"), ("b", "post"), ("a", "post")]
    rows = [f"{who},{visit},site1,{who}_{visit}.nii" for who, visit in visits]
    (tmp_path / "visits.csv").write_text("\n".join(["subject,visit,group,image", *rows]))
    for who, visit in visits:
        (tmp_path / f"{who}_{visit}.nii").touch()
    settings = {"type": "followup", "path": str(tmp_path / "visits.csv")}
    datasets = {**RAW["datasets"], "visits": settings}
    changed = plan(tmp_path, datasets=datasets, mono={"dataset": "visits", "pairing": "followup"})
    assert changed.pairs("mono", "test") == [("b_post", "b_pre"), ("a_post", "a_pre")]


def test_a_limited_number_of_pairs_is_a_seeded_draw(tmp_path):
    few = {"pairs": {"train": 5}}
    first, again = (plan(tmp_path, mono=few).pairs("mono", "train") for _ in range(2))
    other = plan(tmp_path, mono=few, seed=1).pairs("mono", "train")
    assert first == again
    assert len(first) == len(other) == 5
    assert first != other


@pytest.mark.parametrize("batches", [1, 2, 4, 99])
def test_batches_divide_the_test_pairs(tmp_path, batches):
    changed = plan(tmp_path, batches=batches)
    dealt = [pair for batch in changed.batches("mono", "test") for pair in changed.batch_pairs("mono", batch)]
    assert sorted(dealt) == sorted(changed.pairs("mono", "test"))
    assert all(changed.batch_pairs("mono", batch) for batch in changed.batches("mono", "test"))


def test_the_affine_reference_is_a_training_subject(tmp_path):
    assert plan(tmp_path).reference("mono") == "train01"
    leaking = plan(tmp_path, mono={"prepare": {"affine": {"reference": "test01"}}})
    with pytest.raises(ValueError, match=r"test01.*not a training subject"):
        leaking.reference("mono")


def test_methods_take_part_in_the_tasks_they_can_do(tmp_path):
    mono, multi = (plan(tmp_path).task_methods(task) for task in ("mono", "multi"))
    assert "voxelmorph" in mono
    assert "voxelmorph" not in multi
    assert "precomputed" not in mono  # it needs a folder, which this study does not name


def test_an_unknown_method_is_refused_with_what_there_is(tmp_path):
    with pytest.raises(ValueError, match=r"'sin'.*syn"):
        plan(tmp_path, mono={"methods": ["sin"]}).task_methods("mono")
    with pytest.raises(ValueError, match=r"'sin'.*syn"):
        _ = plan(tmp_path, methods={"sin": {}}).methods


def test_a_method_whose_package_is_not_installed_is_refused_before_anything_runs(tmp_path):
    text = (ROOT / "workflow" / "methods" / "identity.smk").read_text().replace("identity", "absent", 2)
    (tmp_path / "absent.smk").write_text(text + '        packages=["no_such_package"],\n')
    with pytest.raises(ValueError, match=r"absent.smk.*no_such_package"):
        check_study(plan(tmp_path, method_folders=[str(tmp_path)], methods={}))


@pytest.mark.parametrize(("threads", "expected"), [(1, "a thread each"), (2, "choose a multiple")])
def test_processes_that_cannot_share_a_training_are_refused_before_anything_runs(tmp_path, threads, expected):
    with pytest.raises(ValueError, match=expected):
        check_study(plan(tmp_path, train_processes=2, threads=threads))


def test_a_method_with_the_models_of_another_has_its_seeds_and_its_variant_s_model(tmp_path):
    trained = {"seeds": 3, "variants": {"small": {"steps": 2, "epochs": None}, "wide": {}}}
    changed = plan(
        tmp_path,
        methods={"dmi_fast": trained, "dmi_fast_io": {"variants": {"default": {}, "wide": {}}}},
        mono={"methods": ["dmi_fast", "dmi_fast_io"]},
    )
    assert changed.repetitions("dmi_fast_io") == 3
    assert changed.model("dmi_fast_io", "default") == ("dmi_fast", "small")
    assert changed.model("dmi_fast_io", "wide") == ("dmi_fast", "wide")
    assert {method for task, method, *_ in changed.trained() if task == "mono"} == {"dmi_fast"}
    check_study(changed)


def test_a_method_with_the_models_of_another_needs_it_in_the_task(tmp_path):
    with pytest.raises(ValueError, match="dmi_fast_io runs with the models of dmi_fast, which is not among"):
        check_study(plan(tmp_path, mono={"methods": ["dmi_fast_io"]}))


def test_timed_batches_are_only_for_devices_a_method_can_use(tmp_path):
    assert [b for b in plan(tmp_path).run_batches("mono", "syn") if "timed" in b] == ["timed_cpu"]
    assert [b for b in plan(tmp_path).run_batches("mono", "dmi") if "timed" in b] == [
        "timed_cpu",
        "timed_cuda",
    ]
    assert [b for b in plan(tmp_path).run_batches("mono", "identity") if "timed" in b] == []


def test_seeds_differ_by_what_is_run_and_by_study_seed(tmp_path):
    one, two = plan(tmp_path), plan(tmp_path, seed=1)
    seeds = {one.seed("train", 0), one.seed("train", 1), one.seed("train", 0, "x"), two.seed("train", 0)}
    assert len(seeds) == 4
    assert plan(tmp_path).seed("train", 0) == one.seed("train", 0)


def test_files_made_elsewhere_that_are_missing_are_known_before_anything_runs(tmp_path):
    fields = str(tmp_path / "{task}_{fixed}_{moving}_{moving_contrast}.nii.gz")
    elsewhere = plan(
        tmp_path,
        methods={"precomputed": {"variants": {"mine": {"fields": fields}}}},
        mono={"methods": ["precomputed", "identity"]},
    )
    names = {f"mono_{fixed}_{moving}_T1w.nii.gz" for fixed, moving in elsewhere.pairs("mono", "test")}
    missing, wanted = elsewhere.missing_files("mono", "precomputed", "mine")
    assert ({path.name for path in missing}, wanted) == (names, len(names))
    for name in names:
        (tmp_path / name).touch()
    assert elsewhere.missing_files("mono", "precomputed", "mine") == ([], wanted)
    assert not [batch for batch in elsewhere.run_batches("mono", "precomputed") if "timed" in batch]


TUNING = {"tuning": {"settings": 2}}


def test_a_tuned_method_has_a_row_more_and_is_tried_with_its_default_and_the_first_settings(tmp_path):
    tuned = plan(tmp_path, **TUNING, methods={"syn": {"variants": {"default": {"bins": 64}, "mine": {}}}})
    assert tuned.variants("syn") == ["default", "mine", "tuned"]
    assert tuned.variants("identity") == ["default"]
    assert tuned.settings("syn") == ["setting0", "setting1", "setting2"]
    first, second = tuned.methods["syn"].tuning[:2]
    changes = [tuned.changes("syn", variant) for variant in ("tuned", *tuned.settings("syn"))]
    assert changes == [{"bins": 64}, {"bins": 64}, {"bins": 64, **first}, {"bins": 64, **second}]
    with pytest.raises(KeyError):
        tuned.changes("syn", "setting3")


def test_what_is_tried_is_among_no_rows_of_the_study(tmp_path):
    tuned = plan(tmp_path, **TUNING)
    assert ("mono", "dmi_fast") in tuned.tuned()
    assert ("mono", "dmi_fast", "tuned", 0) in tuned.trained()
    assert not [run for run in tuned.runs() if "setting" in run[2] or "val" in run[3]]
    assert not [model for model in tuned.trained() if "setting" in model[2]]
    added = [model for model in tuned.trained_to_tune() if model[:2] == ("mono", "dmi_fast")]
    assert added == [("mono", "dmi_fast", f"setting{n}", 0) for n in (1, 2)]


def test_only_the_methods_that_are_named_are_tuned(tmp_path):
    assert {m for _, m in plan(tmp_path, tuning={"methods": ["syn"]}).tuned()} == {"syn"}
    assert plan(tmp_path).tuned() == []


def test_settings_run_with_their_own_models_and_the_default_with_the_default_s(tmp_path):
    tuned = plan(tmp_path, **TUNING)
    models = [tuned.model("dmi_fast", variant) for variant in ("default", "setting0", "setting1", "tuned")]
    assert [variant for _, variant in models] == ["default", "default", "setting1", "tuned"]


def test_what_is_tuned_of_a_method_with_the_models_of_another_has_the_other_s_tuned_ones(tmp_path):
    both = plan(tmp_path, **TUNING)
    alone = plan(tmp_path, tuning={"methods": ["dmi_fast_io"], "settings": 2})
    assert (
        both.model("dmi_fast_io", "default")
        == alone.model("dmi_fast_io", "default")
        == ("dmi_fast", "default")
    )
    for variant in ("setting0", "setting1", "tuned"):
        assert both.model("dmi_fast_io", variant) == ("dmi_fast", "tuned")
        assert alone.model("dmi_fast_io", variant) == ("dmi_fast", "default")


@pytest.mark.parametrize(
    ("tuning", "message"),
    [
        ({"methods": ["sin"]}, r"tuning\.methods: unknown method 'sin' \(did you mean 'syn'\?\)"),
        ({"methods": ["greedy"]}, r"tuning\.methods: unknown method 'greedy'"),
        ({"methods": ["precomputed", "syn"]}, r"tuning\.methods: precomputed takes part in no task"),
        ({"methods": ["identity"]}, r"identity\.smk: 0 settings in TUNING, `tuning.settings` asks for 4"),
        (
            {"settings": 5},
            r"syn\.smk: 4 settings in TUNING, `tuning.settings` asks for 5 of every method; add some",
        ),
    ],
)
def test_a_study_that_tunes_what_cannot_be_is_refused_before_anything_runs(tmp_path, tuning, message):
    with pytest.raises(ValueError, match=message):
        check_study(plan(tmp_path, tuning=tuning))


def test_tuning_needs_validation_pairs_and_names_of_its_own(tmp_path):
    datasets = copy.deepcopy(RAW["datasets"])
    datasets["phantom"]["subjects"] = {"train": 3, "val": 0, "test": 2}
    changed = Plan(parse_study({**copy.deepcopy(RAW), "datasets": datasets, **TUNING}, "smoke"), tmp_path)
    with pytest.raises(ValueError, match=r"tasks\.mono: no val pair .*put subjects into the split `val`"):
        check_study(changed)
    for name in ("tuned", "setting0"):
        with pytest.raises(
            ValueError, match=rf"methods\.syn\.variants: '{name}' is a name that tuning gives"
        ):
            check_study(plan(tmp_path, **TUNING, methods={"syn": {"variants": {name: {}}}}))
        check_study(plan(tmp_path, methods={"syn": {"variants": {name: {}}}}))


def test_the_study_of_peers_has_every_method_and_peer_in_the_tasks_that_it_can_do():
    found = Workflow.from_file(ROOT / "workflow" / "studies" / "peers.yaml")
    methods = discover([ROOT / "workflow" / "methods", ROOT / "workflow" / "peers"])
    apart = {"precomputed", *(name for name, method in methods.items() if not made(method))}
    for task, contrasts in (("mono", "mono"), ("multi", "multi")):
        able = {name for name, method in methods.items() if contrasts in method.modalities} - apart
        assert set(found.task_methods(task)) == able


def test_all_files_of_a_method_of_one_s_own_are_among_the_facts_that_merge_compares(tmp_path):
    files = {
        "mine.smk": 'use rule run as mine with:\n    wildcard_constraints:\n        method="mine",\n    params:\n        label="Mine",\n        python="mine:Mine",\n',
        "tool.smk": 'use rule run as tool with:\n    wildcard_constraints:\n        method="tool",\n    params:\n        label="Tool",\n        command="PYTHON HERE/run_tool.py FIXED OUT",\n',
        "mine.py": "import a, b\n",
        "run_tool.py": "import a, b.c\n",
        "a/__init__.py": "x = 1\n",
        "b/__init__.py": "x = 2\n",
        "b/c.py": "",
        "other.py": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / "methods" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "methods" / name).write_text(text)
    (tmp_path / "study.yaml").write_text(
        yaml.safe_dump({**RAW, "method_folders": [str(tmp_path / "methods")]})
    )
    found = Workflow.from_file(tmp_path / "study.yaml")
    assert found.method_facts("mine")["files"].keys() == {"mine.py", "a/__init__.py", "b/__init__.py"}
    tool = found.method_facts("tool")["files"]
    assert tool.keys() == {"run_tool.py", "a/__init__.py", "b/__init__.py", "b/c.py"}
    assert len(set(tool.values())) == 4
    assert found.method_facts("syn")["files"] == {}
