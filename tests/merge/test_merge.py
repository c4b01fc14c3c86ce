"""Studies of two machines become one set of tables, or are told apart by name."""

import re
from pathlib import Path

import pytest

from regbench.merge.merge import merge_studies
from regbench.problems import Problems
from regbench.records import read_record, write_record
from regbench.study import parse_study, read_study
from regbench.tables.frames import read_table
from regbench.tables.gather import SCORES, TIMINGS
from tests.merge.machines import machine, settings, write_pair, write_subject
from tests.tables.example import score_rows, timing_row

STUDIES = Path(__file__).parents[2] / "workflow" / "studies"


@pytest.fixture
def gpu(tmp_path) -> Path:
    return machine(tmp_path / "gpu", "gpu-box", ("identity", "syn", "dmi"))


@pytest.fixture
def cpu(tmp_path) -> Path:
    return machine(tmp_path / "cpu", "cpu-box", ("identity", "syn"))


def refusal(*folders: Path, out: Path | None = None, accepted: tuple[str, ...] = ()) -> str:
    with pytest.raises(Problems) as told:
        merge_studies(folders, out or folders[0].parent.parent / "merged", accepted)
    return str(told.value)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_methods_of_either_machine_stand_in_one_table_with_all_times(gpu, cpu, tmp_path):
    before = contents(gpu) | contents(cpu)
    merge_studies([gpu, cpu], tmp_path / "merged")
    scores, timings = (read_table(tmp_path / "merged" / f"{name}.csv") for name in ("scores", "timings"))
    assert (list(scores.columns), list(timings.columns)) == (SCORES, TIMINGS)
    assert not scores.duplicated(["method", "fixed", "moving", "metric", "label"]).any()
    assert set(scores["method"]) == {"identity", "syn", "dmi"}
    assert sorted(timings["method"] + " " + timings["host"]) == ["dmi gpu-box", "syn cpu-box", "syn gpu-box"]
    table = (tmp_path / "merged" / "tables" / "table1.md").read_text()
    assert re.search(r"^\| SyN .*8\.00 \(-\) A / 8\.00 \(-\) B", table, re.MULTILINE) or re.search(
        r"^\| SyN .*8\.00 \(-\) B / 8\.00 \(-\) A", table, re.MULTILINE
    )
    assert "(merged: tiny on gpu-box, tiny on cpu-box)" in table
    assert contents(gpu) | contents(cpu) == before


def test_the_merged_study_is_called_after_its_folder_and_keeps_every_record(gpu, cpu, tmp_path):
    merge_studies([gpu, cpu], tmp_path / "both")
    assert read_study(tmp_path / "both" / "study.json").study == "both"
    assert (tmp_path / "both/from/2_tiny/data/d/007.json").read_bytes() == (
        cpu / "data/d/007.json"
    ).read_bytes()
    merged = read_record(tmp_path / "both" / "provenance.json")["merged"]
    assert [source["environment"]["host"] for source in merged.values()] == ["gpu-box", "cpu-box"]


def test_tasks_variants_and_seeds_of_either_are_in_the_merged_study(tmp_path):
    a = settings(methods={"syn": {"variants": {"default": {}, "slow": {"iterations": [200]}}}})
    two = settings(
        methods={"syn": {"variants": {"default": {}, "fast": {"iterations": [5]}}}, "dmi": {"seeds": 3}}
    )
    two = two.model_copy(update={"tasks": {**two.tasks, "second": two.tasks["mono"]}})
    folders = [machine(tmp_path / "a", "a", made=a), machine(tmp_path / "b", "b", made=two)]
    merge_studies(folders, tmp_path / "merged")
    merged = read_study(tmp_path / "merged" / "study.json")
    assert list(merged.tasks) == ["mono", "second"]
    assert set(merged.method("syn").variants) == {"default", "slow", "fast"}
    assert merged.method("dmi").seeds == 3


def test_the_paper_s_studies_become_one_page_of_claims(tmp_path):
    """Tasks of three studies, none in common; the follow-up with the model that its file says how to add."""
    studies = [read_study(STUDIES / f"{name}.yaml") for name in ("paper", "oasis3", "followup")]
    raw = studies[2].model_dump(mode="json")
    raw["tasks"]["visits"] |= {"methods": ["identity", "dmi"], "trained_on": "paper/mono"}
    raw["methods"]["dmi"] = studies[1].model_dump(mode="json")["methods"]["dmi"]
    studies[2] = parse_study(raw, "test")
    tasks, levels = ("multi", "sessions", "visits"), {"identity": 0.5, "dmi": 0.6}
    folders = []
    for made, task in zip(studies, tasks, strict=True):
        rows = [row for name, level in levels.items() for row in score_rows(task, name, level)]
        folder = tmp_path / made.study
        folders.append(machine(folder, methods=("identity", "dmi"), made=made, scores=rows, timings=[]))
    merge_studies(folders, tmp_path / "merged")
    claims = read_table(tmp_path / "merged" / "tables" / "claims.csv").set_index("id")
    assert claims.loc["transfers", "task"] == "visits; sessions"
    assert claims.loc["followup.dmi.identity.psnr", "n"] == "12"
    assert claims.loc["oasis3.dmi.identity.mi", "n"] == "12"
    assert "multi" in claims.loc["framework", "task"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("tasks__mono__grid__spacing", [2, 2, 2], r"\[3\.0, 3\.0, 3\.0\] in .*gpu/tiny/study\.json, \[2\.0, 2\.0, 2\.0\] in .*b/tiny/study\.json"),
        ("tasks__mono__pairs__test", 3, "nothing in .*, 3 in "),
        ("seed", 7, "0 in .*, 7 in "),
        ("scores__label_path", "prepared", "once in .*, prepared in "),
        ("datasets__d__amplitude_mm", 2.0, "nothing in .*, 2.0 in "),
        ("methods", {"syn": {"variants": {"default": {"iterations": [5]}}}}, r"nothing in .*, \[5\] in "),
    ],
)  # fmt: skip
def test_another_setting_is_refused_with_its_key_both_values_and_files(gpu, tmp_path, key, value, said):
    other = machine(tmp_path / "b", "b", made=settings(**{key: value}))
    told = refusal(gpu, other)
    name = "methods.syn.variants.default.iterations" if key == "methods" else key.replace("__", ".")
    assert re.search(rf"^  {re.escape(name)}: {said}", told, re.MULTILINE), told
    assert f"--allow-different {name}" in told
    assert not (tmp_path / "merged").exists()
    assert any(
        line.startswith("accepted") for line in merge_studies([gpu, other], tmp_path / "merged", [name])
    )
    assert f"accepted as different: {name}" in (tmp_path / "merged/tables/table1.md").read_text()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"environment": {"libraries": {"torch": "2.14.0"}}}, "libraries.torch"),
        ({"environment": {"commit": "def"}, "provenance": {"code": {"scores": "2"}}}, "code.scores"),
        ({"provenance": {"methods": {"syn": {"options": {"iterations": [5]}}}}}, "methods.syn.options"),
    ],
)
def test_other_code_or_libraries_are_refused(gpu, tmp_path, changes, key):
    assert f"  {key}: " in refusal(gpu, machine(tmp_path / "b", "b", **changes))


def test_a_library_built_for_another_device_is_the_same_and_so_is_code_of_one_clean_commit(gpu, tmp_path):
    libraries = {"torch": "2.13.0+cu130", "pandas": "2.2.0", "simpleitk": "2.5.7"}
    changes = {"environment": {"libraries": libraries}, "provenance": {"code": {"scores": "of Python 3.13"}}}
    lines = merge_studies([gpu, machine(tmp_path / "b", "b", **changes)], tmp_path / "merged")
    assert not [line for line in lines if "libraries" in line or "code" in line]
    assert set(read_table(tmp_path / "merged" / "timings.csv")["host"]) == {"gpu-box", "b"}


@pytest.mark.parametrize(
    "key",
    [
        "device",
        "threads",
        "timing__repetitions",
        "limits__run_seconds",
        "datasets__d__path",
        "figures__slices",
    ],
)
def test_what_changes_no_number_is_noted(tmp_path, key):
    values = {"device": "cuda", "datasets__d__path": "/data/b.csv", "figures__slices": [9, 9, 9]}
    mine = {"datasets__d__path": "/data/a.csv"} if key == "datasets__d__path" else {}
    a = machine(tmp_path / "a", "a", made=settings(**mine))
    b = machine(tmp_path / "b", "b", made=settings(**{key: values.get(key, 9)}))
    lines = merge_studies([a, b], tmp_path / "merged")
    assert [
        line for line in lines if line.startswith(f"noted, changes no number: {key.replace('__', '.')}: ")
    ]


def test_limits_are_no_trifle_once_a_run_met_one(gpu, tmp_path):
    late = score_rows("mono", "syn", 0.6, failed={("007", "NA"): "timeout"})
    b = machine(tmp_path / "b", "b", ("identity",), made=settings(limits__run_seconds=5), scores=late)
    assert "  limits.run_seconds: 3600.0 in " in refusal(gpu, b)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"contents": "other"}, "inputs.d.NA.contents"),
        ({"shift_mm": 0.3}, "prepared.mono.NA.T1w.to_original"),
        ({"high": 950.0}, "prepared.mono.NA.T1w.normalisation"),
    ],
)
def test_other_inputs_are_refused_by_subject(gpu, cpu, changes, key):
    write_subject(cpu, "NA", **changes)
    told = refusal(gpu, cpu)
    assert f"  {key}: " in told
    assert told.count("\n") == 1


def test_affines_of_pairs_aligned_one_by_one_are_compared_whatever_batch_they_are_in(tmp_path):
    pairwise = settings(tasks__mono__prepare__affine={"mode": "pairwise"})
    a, b = (machine(tmp_path / name, name, made=pairwise) for name in "ab")
    write_pair(a, "007", "NA", batch="test_b0")
    write_pair(b, "007", "NA", batch="test_b0", shift_mm=0.01)
    assert merge_studies([a, b], tmp_path / "merged") == []
    write_pair(b, "007", "NA", batch="test_b0", shift_mm=0.3)
    told = refusal(a, b)
    assert "  prepared.mono.007__NA.moving.to_original: " in told
    assert told.count("\n") == 1
    (b / "prepared/mono/pairs/test_b0.json").rename(b / "prepared/mono/pairs/test_b1.json")
    assert "prepared.mono.007__NA.moving.to_original" in refusal(a, b)


def test_preparations_that_differ_by_rounding_are_alike(gpu, cpu, tmp_path):
    write_subject(cpu, "NA", shift_mm=0.01, high=900.1)
    assert merge_studies([gpu, cpu], tmp_path / "merged") == []


def test_records_that_were_not_copied_cannot_be_compared_and_that_is_said(gpu, cpu):
    for path in (cpu / "data" / "d").iterdir():
        path.unlink()
    assert "  inputs.d: 4 records in " in refusal(gpu, cpu)


def test_a_run_that_came_out_otherwise_is_told_and_the_first_counts_when_accepted(gpu, tmp_path):
    rows = [*score_rows("mono", "identity", 0.5), *score_rows("mono", "syn", 0.6004)]
    other = machine(tmp_path / "b", "b", scores=rows)
    told = refusal(gpu, other)
    assert re.search(
        r"scores\.mono\.syn\.default: .* 0\.60.. of \S+__\S+ \(12 runs differ\) in .*gpu", told
    ), told
    assert "scores.mono.identity" not in told
    merge_studies([gpu, other], tmp_path / "merged", ["scores"])
    scores = read_table(tmp_path / "merged" / "scores.csv")
    kept = scores[(scores["method"] == "syn") & (scores["metric"] == "dsc") & (scores["fixed"] == "007")]
    assert kept["value"].tolist() == pytest.approx([0.6] * len(kept))


def test_rounding_in_a_score_is_no_difference(gpu, tmp_path):
    rows = [*score_rows("mono", "identity", 0.5), *score_rows("mono", "syn", 0.60001)]
    assert merge_studies([gpu, machine(tmp_path / "b", "b", scores=rows)], tmp_path / "merged") == []


def test_a_run_that_failed_on_one_machine_alone_is_told(gpu, tmp_path):
    rows = score_rows("mono", "syn", 0.6, failed={("007", "NA"): "error"})
    assert "scores.mono.syn.default: DSC 0.6000 of 007__NA in " in refusal(
        gpu, machine(tmp_path / "b", "b", scores=rows)
    )


def test_what_was_skipped_on_one_machine_is_taken_from_the_other(tmp_path):
    pairs = dict.fromkeys([("007", "NA"), ("NA", "007")], "skipped")
    skipped = machine(tmp_path / "a", "a", scores=score_rows("mono", "syn", 0.6, failed=pairs))
    merge_studies([skipped, machine(tmp_path / "b", "b")], tmp_path / "merged")
    scores = read_table(tmp_path / "merged" / "scores.csv")
    assert set(scores["status"]) == {"ok"}
    assert len(scores[(scores["method"] == "syn") & (scores["metric"] == "mi")]) == 12


def test_two_machines_of_one_name_stay_two(tmp_path):
    a = machine(tmp_path / "a", "vm", environment={"cores": 2})
    b = machine(tmp_path / "b", "vm", environment={"cores": 16})
    (said,) = merge_studies([a, b], tmp_path / "merged")
    assert "another machine of that name" in said
    assert set(read_table(tmp_path / "merged" / "timings.csv")["host"]) == {"vm", "vm of 2_tiny"}


def test_the_same_call_in_two_copies_of_a_study_is_one(tmp_path):
    folders = [machine(tmp_path / name, "box") for name in ("a", "b")]
    merge_studies(folders, tmp_path / "merged")
    assert len(read_table(tmp_path / "merged" / "timings.csv")) == 1


def test_a_method_whose_file_is_not_here_is_named(gpu, tmp_path):
    b = machine(
        tmp_path / "b", "b", scores=score_rows("mono", "mine", 0.4), timings=[timing_row("mono", "mine", 1.0)]
    )
    assert re.search(
        r"b/tiny/scores\.csv: method mine has rows, and no file mine\.smk is in ", refusal(gpu, b)
    )


def test_other_choices_of_tuning_are_refused(gpu, cpu, tmp_path):
    for folder, weight in ((gpu, 0.5), (cpu, 2.0)):
        write_record(folder / "tuning/mono/syn.options.json", {"options": {"weight": weight}})
    assert "  tuning.mono.syn: {'weight': 0.5} in " in refusal(gpu, cpu)
    merge_studies([gpu, cpu], tmp_path / "merged", ["tuning"])
    assert read_record(tmp_path / "merged/tuning/mono/syn.options.json") == {"options": {"weight": 0.5}}


def test_only_an_earlier_merge_is_replaced(gpu, cpu, tmp_path):
    out = tmp_path / "merged"
    merge_studies([gpu, cpu], out)
    merge_studies([cpu, gpu], out)
    assert read_record(out / "merge.json")["sources"][0]["host"] == "cpu-box"
    assert "was not made by `regbench merge`" in refusal(gpu, cpu, out=gpu)
    assert "lies in a study that is merged" in refusal(gpu, cpu, out=gpu / "merged")
    assert "name all the studies it was made of" in refusal(out, cpu)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cpu", "gpu", "merged"]


def test_a_folder_that_is_no_finished_study_says_what_it_lacks(gpu, tmp_path):
    (gpu / "timings.csv").unlink()
    told = refusal(gpu, tmp_path / "nowhere", out=tmp_path / "merged")
    assert "gpu/tiny: no finished study: timings.csv missing; give results/STUDY" in told
    assert "nowhere: no finished study: study.json, scores.csv, timings.csv, provenance.json missing" in told
    assert "two or more different folders" in refusal(gpu, gpu, out=tmp_path / "merged")


def test_what_fails_on_the_way_leaves_nothing(gpu, cpu, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("regbench.merge.merge.write_tables", full)
    with pytest.raises(OSError, match="No space"):
        merge_studies([gpu, cpu], tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cpu", "gpu"]
