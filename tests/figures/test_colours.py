"""A method has one colour everywhere, which colour-blind readers can tell from the others."""

from pathlib import Path

from regbench.figures.colours import AFTER, BEFORE, COLOURS, FIXED, PALETTE, SECOND, SPARE, method_colours
from regbench.methods.discovery import discover
from tests.figures.machado import least_difference

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / "workflow"


def test_any_two_colours_are_told_apart_with_every_kind_of_sight():
    assert least_difference(PALETTE) > 10  # two just noticeably different colours are 2.3 apart


def test_the_oracle_finds_colours_that_a_red_blind_reader_confuses():
    assert least_difference(["#FF0000", "#5F5000"]) < least_difference(["#D55E00", "#0072B2"]) / 3


def test_every_method_of_the_workflow_has_a_colour_of_its_own():
    names = discover([WORKFLOW / "methods", WORKFLOW / "peers"])
    colours = method_colours(names)
    assert len(set(colours.values())) == len(names)


def test_colours_stay_when_other_methods_come_and_go():
    few, many = method_colours(["dmi", "mine"]), method_colours([*COLOURS, "mine"])
    assert few == {name: many[name] for name in few}


def test_strangers_get_different_colours_as_long_as_there_are_spare_ones():
    names = [f"stranger{n}" for n in range(len(SPARE))]
    assert set(method_colours(names).values()) == set(SPARE)
    assert method_colours(reversed(names)) == method_colours(names)


def test_no_method_has_a_roles_colour_and_roles_are_told_apart():
    assert least_difference([*PALETTE, FIXED, BEFORE, AFTER]) > 10
    assert least_difference([FIXED, BEFORE, AFTER]) > 40


def test_the_viewer_outlines_labels_in_the_colours_of_figures():
    script = (ROOT / "regbench" / "report" / "templates" / "slices.js").read_text()
    assert f'OUTLINES = {{ fixed: "{FIXED}", own: "{AFTER}", second: "{SECOND}" }}' in script
