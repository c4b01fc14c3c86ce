"""Sums of a made-up study, checked by hand; nearest records first; warnings where something will not do."""

import json
from pathlib import Path

import pytest
import yaml

from regbench.estimate.estimate import as_json, estimate, totals, warnings
from regbench.estimate.miniature import small_grid
from regbench.estimate.samples import Sample, earlier
from regbench.estimate.terminal import shown
from regbench.estimate.work import HALF, Work, work_of
from regbench.plan import Plan
from regbench.provenance import environment
from regbench.records import write_record
from regbench.study import GridSettings, parse_study

ROOT = Path(__file__).resolve().parents[2]
SMOKE = yaml.safe_load((ROOT / "workflow" / "studies" / "smoke.yaml").read_text())
VOXELS = 32**3


def plan(folder: Path, **changes) -> Plan:
    """The smoke study's mono task with SyN, DMI and identity, and keys changed."""
    mono = {**SMOKE["tasks"]["mono"], "methods": ["identity", "syn", "dmi"]}
    raw = {**SMOKE, "tasks": {"mono": mono}, "methods": {"dmi": SMOKE["methods"]["dmi"]}}
    return Plan(parse_study({**raw, **changes}, "smoke"), folder)


def earlier_study(
    folder: Path, seconds: float = 7.2, steps: int = 10, host: dict | None = None, **changes
) -> None:
    """A results folder as an earlier study leaves it: 2 pairs a method, one model, 7 subjects."""
    study = plan(folder, **changes).study
    results = folder / "earlier"
    here = {**environment(), **(host or {})}
    write_record(results / "study.json", json.loads(study.model_dump_json()))
    write_record(results / "provenance.json", {"environment": here})
    shared = {"status": "ok", "environment": here, "threads": 1, "device": "cpu", "peak_memory_mb": 500.0}
    for method in ("identity", "syn", "dmi"):
        batch = results / "runs" / "mono" / method / "default" / "r0_b0"
        for name in ("a__b", "b__a"):
            phases = {"load": 0.1 * seconds, "compute": 0.8 * seconds, "save": 0.1 * seconds}
            write_record(batch / f"{name}.json", {**shared, "phases": phases})
            (batch / f"{name}.nii.gz").write_bytes(b"0" * 500_000)
        write_record(batch / "batch.json", {"pairs": ["a__b", "b__a"]})
        log = results / "logs" / "scores" / "mono" / method / "default" / "r0_b0.log"
        log.parent.mkdir(parents=True)
        log.write_text("2026-01-01 00:00:00,000 INFO regbench: scoring took 3.60 s\n")
    write_record(
        results / "models/mono/dmi/default/r0/record.json",
        {**shared, "seconds": 36.0 * steps, "steps": steps},
    )
    for subject in range(7):
        for stage, folder_ in (("data/phantom", "data/phantom"), ("prepared/mono", "prepared/mono/subjects")):
            log = results / "logs" / stage / f"s{subject}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(
                f"2026-01-01 00:00:00,000 INFO regbench: it took {36 if 'data' in stage else 18}.00 s\n"
            )
            write_record(results / folder_ / f"s{subject}.json", {})
            (results / folder_ / f"s{subject}_T1w.nii.gz").write_bytes(b"0" * 1_000_000)


def sums(folder: Path, **changes) -> dict:
    lines = estimate(work_of(plan(folder, **changes), "cpu", gpu=False), earlier(folder), job_seconds=0.0)
    return totals(lines, cores=2)


def test_hours_of_a_made_up_study_add_up_by_hand(tmp_path):
    earlier_study(tmp_path)
    found = sums(tmp_path)
    assert found["data"]["hours"] == pytest.approx(7 * 36 / 3600)  # 3 + 2 + 2 subjects
    assert found["prepared"]["hours"] == pytest.approx(7 * 18 / 3600)
    assert found["models"]["hours"] == pytest.approx(20 * 36 / 3600)  # the study's 20 steps
    # Two pairs of three methods; one timed pair of SyN and DMI, cold and once more.
    assert found["runs"]["hours"] == pytest.approx((2 * 3 + 1 * 2 * 2) * 7.2 / 3600)
    assert found["scores"]["hours"] == pytest.approx(2 * 3 * 1.8 / 3600)
    assert found["all"]["hours"] == pytest.approx(
        sum(found[stage]["hours"] for stage in found if stage != "all")
    )
    assert found["runs"]["most_hours"] == pytest.approx(1.5 * found["runs"]["hours"])


def test_tuning_costs_a_training_and_two_registrations_a_setting_and_a_row_more(tmp_path):
    earlier_study(tmp_path)
    plain, tuned = sums(tmp_path), sums(tmp_path, tuning={"settings": 2})
    added = {stage: tuned[stage]["hours"] - plain[stage]["hours"] for stage in plain}
    assert added["models"] == pytest.approx(
        (2 + 1) * 20 * 36 / 3600
    )  # DMI's two settings, and what is chosen
    # SyN and DMI: two validation pairs of the default and two settings; two test pairs and a timed one of what is chosen.
    assert added["runs"] == pytest.approx(2 * (2 * 3 + 2 + 2) * 7.2 / 3600)
    assert added["scores"] == pytest.approx(2 * (2 * 3 + 2) * 1.8 / 3600)


def test_gigabytes_of_a_made_up_study_add_up_by_hand(tmp_path):
    earlier_study(tmp_path)
    whole, half = (sums(tmp_path, fields={"precision": p}) for p in ("full", "half"))
    assert whole["runs"]["gigabytes"] == pytest.approx(6 * 500_000 / 1e9)
    assert half["runs"]["gigabytes"] == pytest.approx(HALF * 6 * 500_000 / 1e9)
    assert whole["data"]["gigabytes"] == pytest.approx(7 * 1_000_003 / 1e9)  # with their records
    truth = 4 * 11 * VOXELS / 1e9  # of two validation and two test pairs
    assert whole["prepared"]["gigabytes"] == pytest.approx(7 * 1_000_003 / 1e9 + truth)


def test_dropped_fields_take_the_room_of_a_batch_only(tmp_path):
    earlier_study(tmp_path)
    many = {"phantom": {**SMOKE["datasets"]["phantom"], "subjects": {"train": 3, "val": 2, "test": 21}}}
    kept = sums(tmp_path, datasets=many, batches=4)
    dropped = sums(tmp_path, datasets=many, batches=4, fields={"keep": 0})
    assert kept["runs"]["gigabytes"] == pytest.approx(420 * 3 * 500_000 / 1e9)
    assert dropped["runs"]["gigabytes"] == pytest.approx(105 * 3 * 500_000 / 1e9)


def test_timed_runs_have_the_machine_alone_and_others_share_it(tmp_path):
    batches = [
        Work("runs", "syn", "{}", "t", VOXELS, 8, 4, 8),
        Work("runs", "syn", "{}", "t", VOXELS, 2, 1, 0, alone=True),
    ]
    sample = Sample("runs", "syn", "{}", VOXELS, 3600.0)
    assert totals(estimate(batches, [sample], 0.0), cores=2)["all"]["clock_hours"] == pytest.approx(8 / 2 + 2)
    threads = [Work("runs", "syn", "{}", "t", VOXELS, 8, 4, 8, threads=2)]
    assert totals(estimate(threads, [sample], 0.0), cores=2)["all"]["clock_hours"] == pytest.approx(8)


def test_another_machine_s_records_count_for_nothing(tmp_path):
    earlier_study(tmp_path, host={"host": "elsewhere"})
    assert earlier(tmp_path) == []


NEAR = Sample("runs", "syn", '{"a": 1}', VOXELS, 10.0)
FAR = Sample("runs", "syn", '{"a": 1}', 8 * VOXELS, 90.0)
OTHER = Sample("runs", "syn", "{}", VOXELS, 50.0)
SPOT = Sample("runs", "syn", '{"a": 1}', VOXELS // 8, 1.0, spot=True)


@pytest.mark.parametrize(
    ("samples", "seconds", "basis"),
    [
        ([NEAR, FAR, OTHER, SPOT], 10, "same"),
        ([FAR, OTHER, SPOT], 90 / 8, "alike"),
        ([OTHER, SPOT], 8, "measured"),
        ([OTHER], 50, "alike"),
        ([Sample("runs", "syn", '{"a": 1}', VOXELS, s) for s in (9.0, 10.0, 30.0)], 10, "same"),
        ([Sample("runs", "bspline", '{"a": 1}', VOXELS, 1.0)], None, ""),
    ],
)
def test_the_nearest_measurement_is_scaled_by_voxels_and_says_how_sure_it_is(samples, seconds, basis):
    (line,) = estimate([Work("runs", "syn", '{"a": 1}', "t", VOXELS, 1, 1, 1)], samples, 0.0)
    assert line.basis == basis
    assert line.hours == (None if seconds is None else pytest.approx(seconds / 3600))


def test_a_limit_ends_what_would_take_longer():
    work = Work("runs", "syn", "{}", "t", VOXELS, 10, 1, 10, limit=5.0)
    (line,) = estimate([work], [OTHER], 0.0)
    assert line.hours == pytest.approx(10 * 5 / 3600)


def test_warnings_tell_of_the_disk_of_memory_and_of_what_is_not_known(tmp_path, monkeypatch):
    monkeypatch.setattr("regbench.estimate.estimate.free_gb", lambda folder: 0.001)
    big = Sample("runs", "syn", "{}", VOXELS, 1.0, 5_000_000, 4300.0)
    work = [Work("runs", name, "{}", "t", 8 * VOXELS, 2, 1, 2) for name in ("syn", "mine")]
    lines = estimate(work, [big], 0.0)
    assert lines[0].memory_gb == pytest.approx((300 + 8 * 4000) / 1024)
    disk, memory, unknown = warnings(lines, plan(tmp_path).study, tmp_path / "not" / "yet")
    assert "need about 0.08 GB" in disk
    assert "keep: 0" in disk
    assert "syn on t may need 31.5 GB" in memory
    assert "runs mine: not known" in unknown
    document = as_json(lines, totals(lines, 2), [disk], 3.0)
    assert json.loads(json.dumps(document))["lines"][1]["hours"] is None


def test_the_table_names_every_line_total_and_basis(tmp_path):
    earlier_study(tmp_path)
    lines = estimate(work_of(plan(tmp_path), "cpu", gpu=False), earlier(tmp_path), 0.0)
    table = shown(lines, totals(lines, 2), [], 2)
    for word in ("mono syn timed on cpu", "20 steps", "within a factor of 1.5", "on 2 cores", "| all "):
        assert word in table


def test_the_small_grid_keeps_the_field_of_view_and_suits_networks():
    small = small_grid(GridSettings(spacing=(1, 1, 1), shape=(160, 192, 224)))
    assert small.shape == (24, 24, 32)
    assert [s * n for s, n in zip(small.spacing, small.shape, strict=True)] == pytest.approx([160, 192, 224])
    tiny = GridSettings(spacing=(6, 6, 6), shape=(32, 32, 32))
    assert small_grid(tiny) == tiny
