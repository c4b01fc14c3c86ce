"""Every figure that is declared is written, is not blank, opens without a network, and says what it shows."""

import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from regbench.figures.colours import method_colours
from regbench.figures.figures import write_figures
from regbench.figures.names import KINDS, SECTIONS, asked_of, in_reading_order
from regbench.figures.style import DPI
from tests.figures.made import METHODS, write_study

ASKED = {
    modality: in_reading_order(asked_of("task", modality, labels=True, truth=True, trains=True))
    for modality in ("mono", "multi")
}
NAMES = [(modality, figure.name) for modality, asked in ASKED.items() for figure in asked]


def write(made, modality: str = "mono", kinds: tuple[str, ...] = tuple(KINDS)):
    asked = [figure for figure in ASKED[modality] if figure.kind in kinds]
    write_figures(made.study, made.results, asked, made.runs, made.trained, {"dmi"})
    return made.results / "figures"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {
        modality: write(write_study(tmp_path_factory.mktemp(modality), modality), modality)
        for modality in ASKED
    }


def listed(folder) -> dict:
    return {entry["name"]: entry for entry in json.loads((folder / "figures.json").read_text())}


@pytest.mark.parametrize(("modality", "name"), NAMES)
def test_a_declared_figure_is_a_picture_fit_for_a_page(folders, modality, name):
    image = imread(folders[modality] / f"{name}.png")[..., :3]
    high, wide = np.array(image.shape[:2]) * 25.4 / DPI  # mm
    assert 60 < wide < 178
    assert 15 < high < 240
    inside = image[5:-5, 5:-5]
    assert 0.002 < (np.abs(inside - 1).max(axis=-1) > 0.05).mean() < 0.99
    assert len(np.unique(inside.reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize(("modality", "name"), NAMES)
def test_an_svg_holds_all_that_it_needs(folders, modality, name):
    path = folders[modality] / f"{name}.svg"
    tags = [element.tag.rpartition("}")[2] for element in ET.parse(path).iter()]
    assert "path" in tags
    assert not {"text", "script", "style"} & set(tags) - {"style"}
    links = re.findall(r'(?:href|src)="([^"]*)"|url\(([^)]*)\)', path.read_text())
    assert all(link.startswith(("#", "data:image/png")) for pair in links for link in pair if link)


def test_figures_json_lists_them_in_reading_order_with_captions(folders):
    for modality, folder in folders.items():
        entries = list(listed(folder).values())
        assert [entry["name"] for entry in entries] == [figure.name for figure in ASKED[modality]]
        order = [SECTIONS.index(entry["section"]) for entry in entries]
        assert order == sorted(order)
        for entry in entries:
            assert (folder / entry["png"]).is_file()
            assert (folder / entry["svg"]).is_file()
            assert entry["caption"].startswith("Task task (")
            assert "Could not be drawn" not in entry["caption"]
            assert "Left out" not in entry["caption"]


def test_pictures_say_which_pair_they_show_and_why(folders):
    caption = listed(folders["mono"])["task_pictures"]["caption"]
    assert "Fixed a, moving b: nearest to the median of 12 pairs by DSC" in caption
    assert "slice that crosses most label borders" in caption


def test_a_method_has_its_colour_in_every_figure_that_shows_it(folders):
    colour = np.round(255 * np.array(to_rgb(method_colours(METHODS)["dmi"])))
    for kind in (
        "pictures",
        "contours",
        "grids",
        "jacobian",
        "error",
        "accuracy",
        "ranks",
        "speed",
        "training",
    ):
        pixels = np.round(255 * imread(folders["mono"] / f"task_{kind}.png")[..., :3]).reshape(-1, 3)
        assert (pixels == colour).all(axis=1).sum() > 10, kind


def test_differences_are_for_two_contrasts_alone():
    kinds = {modality: {figure.kind for figure in asked} for modality, asked in ASKED.items()}
    assert kinds["multi"] == set(KINDS) - {"followup"}
    assert kinds["multi"] - kinds["mono"] == {"differences"}
    least = {figure.kind for figure in asked_of("task", "mono", labels=False, truth=False, trains=False)}
    assert least == kinds["mono"] - {"contours", "labels", "error", "training"}


def test_figures_need_no_run_of_a_method_that_failed(folders, tmp_path):
    made = write_study(tmp_path)
    shutil.rmtree(made.results / "runs" / "task" / "broken" / "default" / "r0_b0")
    made.runs = [run for run in made.runs if run[1] != "broken"]
    assert (
        listed(write(made, kinds=("pictures",)))["task_pictures"]["caption"]
        == listed(folders["mono"])["task_pictures"]["caption"]
    )


def test_the_same_study_gives_the_same_bytes(folders, tmp_path):
    kinds = ("contours", "accuracy", "ranks")
    again = write(write_study(tmp_path), kinds=kinds)
    for kind in kinds:
        for name in (f"task_{kind}.png", f"task_{kind}.svg"):
            assert (again / name).read_bytes() == (folders["mono"] / name).read_bytes(), name


def test_a_figure_that_the_data_do_not_give_says_why(tmp_path):
    made = write_study(tmp_path, subjects=("a", "b"))
    entries = listed(write(made, kinds=("pictures", "ranks")))
    assert "Left out: Ranks need 3 fixed subjects" in entries["task_ranks"]["caption"]
    assert (made.results / "figures" / "task_ranks.png").is_file()
    assert "Left out" not in entries["task_pictures"]["caption"]


def test_without_any_field_pictures_are_left_out_and_the_rest_is_drawn(tmp_path):
    made = write_study(tmp_path)
    made.runs = [("task", "broken", "default", "r0_b0")]
    entries = listed(write(made, kinds=("pictures", "accuracy")))
    assert "Left out: No pair has both a score and its fields" in entries["task_pictures"]["caption"]
    assert "Left out" not in entries["task_accuracy"]["caption"]


def test_what_cannot_be_drawn_is_logged_once_and_keeps_nobody_from_the_others(tmp_path, caplog):
    made = write_study(tmp_path)
    for path in (tmp_path / "scans").glob("*_image.nii.gz"):
        path.unlink()
    entries = listed(write(made, kinds=("pictures", "contours", "accuracy")))
    (told,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert told.getMessage() == "could not be drawn: task_pictures, task_contours"
    assert told.exc_info
    assert "Could not be drawn: FileNotFoundError" in entries["task_contours"]["caption"]
    assert "Could not" not in entries["task_accuracy"]["caption"]


def test_snakemakes_report_has_a_caption_for_each_kind():
    folder = Path(__file__).resolve().parents[2] / "workflow" / "report" / "figures"
    texts = {path.stem: path.read_text() for path in folder.iterdir()}
    assert set(texts) == set(KINDS)
    assert len(set(texts.values())) == len(KINDS)
