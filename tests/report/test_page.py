"""What a report holds, and what it says where something is missing."""

import base64
import gzip
import re
import shutil
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from regbench.figures.lines import read_lines
from regbench.figures.volumes import find_pair
from regbench.records import read_record, write_record
from regbench.report import page as module
from regbench.report.blobs import blob, grey, whole
from regbench.report.claims import quantity
from regbench.report.failures import find_failures
from regbench.report.layers import view
from regbench.report.page import write_report
from regbench.report.pictures import read_pictures
from tests.report.made import EVIL, LABELS, Made


@pytest.fixture
def copied(made, tmp_path) -> Made:
    """The made-up study, free to be broken."""
    shutil.copytree(made.results, tmp_path / "tiny")
    return replace(made, results=tmp_path / "tiny")


def written(made: Made) -> str:
    out = made.results / "report.html"
    write_report(made.study, made.results, LABELS, made.runs, out)
    return out.read_text(encoding="utf8")


def words(page: str) -> str:
    """The text of a page as it reads, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_it_has_every_section_with_what_the_stages_left(page_file):
    text = page_file.read_text(encoding="utf8")
    told = words(text)
    assert "neither confirm nor refute the paper's" in told
    assert "First of those that may lead: SyN by" in told
    assert "Our Method (DMI): a better mean, too few trainings." in told
    assert "2 checks: 1 not testable with these data, 1 holds." in told
    assert "1 not testable with these data: semi-synthetic" in told
    assert (
        "Ours is faster & better c1.dsc, section IV not testable with these data ; here: better mono 0.58 0.6123 0.55 to 0.66 difference of DSC"
        in told
    )
    assert "The 1 printed values, one by one" in told
    assert "Table 1. Made up" in told
    assert "Fast CPU, box" in told
    assert "</script><script>" not in text
    assert "</script><script>alert(2)" in told
    assert "study: tiny" in told
    assert "code of runs abc" in told
    assert "The regbench developers. regbench: a benchmark" in told
    assert "43rd Annual International Conference" in told


def test_it_asks_for_nothing_outside(page_file):
    text = page_file.read_text(encoding="utf8")
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*""", text)
    assert "@import" not in text
    assert page_file.stat().st_size < 25e6


def test_a_study_without_claims_figures_or_fields_is_told_so(copied, caplog):
    (copied.results / "tables" / "claims.csv").unlink()
    shutil.rmtree(copied.results / "figures")
    shutil.rmtree(copied.results / "runs")
    told = words(written(copied))
    assert "claims were not judged" in told
    assert "No figures were drawn" in told
    assert re.search(r"Task mono: there is no \S+batch\.json, so there is nothing to show\.", told)
    assert "Errno" not in told
    assert "no images in the report's viewer: Task mono: there is no " in caplog.text  # in the terminal too


def test_a_merged_study_says_where_its_images_are_and_where_it_was_measured(copied):
    facts = read_record(copied.results / "provenance.json")
    other = {"environment": {"host": "far", "gpu": "Big GPU", "commit": "abc123", "cpu": None}}
    write_record(copied.results / "provenance.json", facts | {"merged": {"2_far": other}})
    shutil.move(copied.results / "runs", copied.results / "from" / "2_far" / "runs")
    told = words(written(replace(copied, runs=[])))
    assert "The runs are in the studies that were merged; each one's own report shows its images." in told
    assert "2_far host far, gpu Big GPU, commit abc123" in told
    assert "run of zeta/default, task mono: 1 case" in told


@pytest.mark.parametrize(
    ("check", "name", "told"),
    [
        ("value", "table1.dmi.hd95", "HD95 (mm)"),
        ("value", "table1.dmi.cuda", "s a pair, GPU"),
        ("difference", "better1.dmi.voxelmorph.dsc", "difference of DSC"),
        ("ratio", "faster.dmi.syn", "times as fast"),
        ("existence", "framework", ""),
    ],
)
def test_the_numbers_of_a_claim_have_a_name_and_a_unit(check, name, told):
    assert quantity({"check": check, "id": name}) == told


def test_only_tables_of_this_study_are_shown(copied):
    (copied.results / "tables" / "table7.html").write_text("<p>stale</p>")
    (copied.results / "tables" / "followup.html").write_text("<p>stale</p>")
    told = words(written(copied))
    assert "stale" not in told
    assert "From identity to truth" in told


def test_logs_are_cut_before_the_page_gets_too_large(copied, monkeypatch):
    path = copied.results / "runs/mono/zeta/default/r0_b0/007__NA.json"
    lines = [f"line {number} {'x' * 20_000}" for number in range(40)]
    write_record(path, read_record(path) | {"log_tail": lines})
    monkeypatch.setattr(module, "FOR_TEXT", 400_000)
    told = words(written(copied))
    assert "line 30 x" in told
    assert "line 29 x" not in told
    monkeypatch.setattr(module, "FOR_TEXT", 50_000)
    assert "there was no room for them here" in words(written(copied))


def test_an_unfinished_study_is_refused_with_what_to_do(copied):
    (copied.results / "tables" / "comparisons.csv").unlink()
    with pytest.raises(
        FileNotFoundError,
        match=r"comparisons\.csv: no such file, expected in a finished study; run snakemake",
    ):
        written(copied)


def shown(made: Made, room: int, without: str = ""):
    """The viewer's view of a task in so many bytes, without one method."""
    pair = find_pair(made.results, "mono", "007__NA", made.runs, made.study.scores)
    lines = [line for line in read_lines(made.results, "mono") if line.method != without]
    return view("mono", "", pair, (12, 11, 10), lines, room)


def test_volumes_are_coarser_and_then_fewer_where_there_is_less_room(made):
    whole = shown(made, 10_000_000)
    assert (len(whole.layers), whole.spacing) == (5, [2, 2, 2])
    coarser = shown(made, whole.size // 2)
    assert (len(coarser.layers), coarser.spacing) == (5, [4, 4, 4])
    assert coarser.size <= whole.size // 2
    assert "Shown in blocks of 2 × 2 × 2 voxels of the task's grid, to fit this page." in coarser.notes
    assert coarser.origin == pytest.approx(np.array(whole.origin) + 1)  # the middle of its first block
    fewer = shown(made, sum(layer.size for layer in shown(made, whole.size // 100).layers) + 1)
    assert [layer.label for layer in fewer.layers] == ["Fixed", "Moving, affinely aligned"]
    assert "Not shown, for want of room in this page: SyN, Our Method (DMI), " in fewer.notes[0]


def test_lines_of_grids_are_fewer_before_images_are_coarser(made):
    whole = shown(made, 10_000_000, without="zeta")
    rough = shown(made, whole.size - 1, without="zeta")
    assert (whole.spacing, whole.every) == ([2, 2, 2], [3, 3, 3])
    assert (rough.spacing, rough.every) == ([2, 2, 2], [6, 6, 6])


def test_outlines_of_many_labels_wait_to_be_asked_for(made, monkeypatch):
    assert shown(made, 10_000_000).outlines
    monkeypatch.setattr("regbench.report.layers.FEW_LABELS", 1)
    assert not shown(made, 10_000_000).outlines


def test_a_field_that_cannot_be_read_keeps_no_other_from_being_shown(copied):
    record = read_record(copied.results / "runs/mono/syn/default/r0_b0/007__NA.json")
    bad = copied.results / "bad.nii.gz"
    bad.write_text("no image")
    write_record(copied.results / "runs/mono/syn/default/r0_b0/007__NA.json", record | {"field": str(bad)})
    found = shown(copied, 10_000_000)
    assert [layer.label for layer in found.layers][2:] == ["Our Method (DMI)", "Truth"]
    assert any(note.startswith("SyN has a field that cannot be shown: ") for note in found.notes)


def test_a_coarser_image_is_the_mean_of_its_blocks(made):
    whole, coarser = (
        shown(made, room).layers[0].image for room in (10_000_000, shown(made, 10_000_000).size // 2)
    )
    fine, coarse = (
        np.frombuffer(gzip.decompress(base64.b64decode(b.text)), np.uint8).reshape(b.shape)
        for b in (whole, coarser)
    )
    d, h, w = coarse.shape
    blocks = fine[: 2 * d, : 2 * h, : 2 * w].reshape(d, 2, h, 2, w, 2).mean(axis=(1, 3, 5))
    assert np.abs(blocks - coarse).max() <= 1


def test_a_page_that_cannot_be_small_enough_is_refused(made, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "LARGEST", 20_000)
    with pytest.raises(ValueError, match="more than 20000"):
        write_report(made.study, made.results, LABELS, made.runs, tmp_path / "page.html")


def test_figures_are_narrower_where_there_is_less_room(made):
    whole, note = read_pictures(made.results / "figures", 10_000_000)
    assert {picture.source[:19] for picture in whole} == {"data:image/svg+xml;"}
    assert note == ""
    narrow, note = read_pictures(made.results / "figures", 100)
    assert note.startswith("Made at most 400 pixels wide")
    assert {picture.source[:15] for picture in narrow} == {"data:image/png;"}


def test_alike_failures_stand_together_with_the_log_of_the_first(copied):
    folder = copied.results / "runs" / "mono" / "zeta" / "default" / "r0_b0"
    record = read_record(folder / "007__NA.json")
    write_record(folder / "NA__007.json", record | {"log_tail": ["other"]})
    write_record(folder / "batch.json", {"pairs": ["007__NA", "NA__007"]})
    write_record(
        copied.results / "data" / "d" / "s9.json",
        {"status": "skipped", "message": "upstream", "log_tail": []},
    )
    first, _, last = find_failures(copied.results)
    assert first.step == "run of zeta/default, task mono"
    assert first.places == ["007__NA (r0_b0)", "NA__007 (r0_b0)"]
    assert first.log[-1] == f"failed: {EVIL}"
    assert (last.step, last.status, last.places) == ("steps left out", "skipped", ["s9, data of d"])


def test_the_same_study_gives_the_same_page(made, page_file, tmp_path):
    again = tmp_path / "again.html"
    write_report(made.study, made.results, LABELS, made.runs, again)
    assert again.read_bytes() == page_file.read_bytes()


def test_numbers_of_volumes_come_back_as_they_were():
    packed = blob(np.array([[[-3, 700]]], np.int16))
    assert np.frombuffer(gzip.decompress(base64.b64decode(packed.text)), "<i2").tolist() == [-3, 700]
    assert grey(np.array([-1.0, 0.5, 2.0])).tolist() == [0, 128, 255]
    assert whole(np.array([0, 255])).dtype == np.uint8
    assert whole(np.array([0, 2035])).dtype == np.uint16
