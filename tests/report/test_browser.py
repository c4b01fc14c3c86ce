"""The report in a real browser: what a reader does changes what is shown, and nothing is asked of a network."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from regbench.figures.choice import plane
from tests.report.made import EVIL

PANEL = 'canvas[data-plane="{plane}"][data-layers="{layers}"]'


def pixels(page, plane: str = "axial", layers: str = "0") -> np.ndarray:
    """What a panel shows: (rows, columns) of grey, without what is drawn over it if that is switched off."""
    page.wait_for_timeout(60)
    address = page.eval_on_selector(PANEL.format(plane=plane, layers=layers), "canvas => canvas.toDataURL()")
    content = page.evaluate(
        "address => Array.from(atob(address.split(',')[1]), c => c.charCodeAt(0))", address
    )
    return np.asarray(Image.open(io.BytesIO(bytes(content))).convert("RGB"), float)


def slices(page) -> dict[str, int]:
    """The slice of each plane, as the sliders tell."""
    page.wait_for_timeout(60)
    labels = page.query_selector_all(".sliders label")
    return {
        label.inner_text().split()[0]: int(label.query_selector("input").input_value()) for label in labels
    }


def select(page, name: str, value: str) -> None:
    page.select_option(f'[data-control="{name}"]', value)


def press(page, *keys: str) -> None:
    for key in keys:
        page.locator(".panels").press(key)


@pytest.fixture
def page(open_page):
    return open_page()


def test_nothing_in_the_page_goes_wrong_or_asks_for_anything_outside(page):
    assert page.title() == "tiny: registration benchmark"
    assert page.locator("h1").count() == 1
    policy = page.get_attribute('meta[http-equiv="Content-Security-Policy"]', "content")
    assert "default-src 'none'" in policy


def test_text_of_the_data_is_shown_as_text(page):
    assert EVIL in page.inner_text("#failures")
    assert "</script><script>alert(2)</script>" in page.inner_text("#failures")
    assert EVIL in page.inner_text("#figures")
    assert page.locator('img[src="x"]').count() == 0


def test_every_link_leads_somewhere_and_every_picture_has_words(page):
    links = page.eval_on_selector_all("nav a", "all => all.map(a => a.getAttribute('href'))")
    assert len(links) == 10
    assert all(page.locator(link).count() == 1 for link in links)
    assert all(page.eval_on_selector_all("img", "all => all.map(i => i.alt && i.naturalWidth > 0)"))


def test_headings_leave_out_no_level(page):
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_a_column_s_head_sorts_by_raw_values_up_down_and_back(page):
    table = "#tables table >> nth=0"
    rows = f"{table} >> tbody th"
    head = page.locator(f"{table} >> thead button >> nth=1")
    first = page.locator(rows).all_inner_texts()
    head.click()
    assert page.locator(rows).all_inner_texts() == [
        "Affine",
        "SyN",
        "DMI",
        "Broken",
    ]  # 10.00 after 0.90; no number last
    assert head.inner_text() == "DSC"
    head.press("Enter")
    assert page.locator(rows).all_inner_texts() == ["DMI", "SyN", "Affine", "Broken"]
    assert page.locator(f"{table} >> thead th >> nth=1").get_attribute("aria-sort") == "descending"
    head.click()
    assert page.locator(rows).all_inner_texts() == first == ["SyN", "Affine", "Broken", "DMI"]


def test_a_claim_s_verdict_is_seen_without_scrolling_sideways(open_page):
    for width in (1280, 390):
        page = open_page(width=width)
        page.locator("#claims summary >> nth=0").click()
        verdict = page.locator("#claims table >> nth=0 >> tbody td >> nth=0").bounding_box()
        assert verdict["x"] >= 0
        assert verdict["x"] + verdict["width"] <= width
        scroll = "box => box.scrollWidth <= box.clientWidth"
        assert page.eval_on_selector("#claims .scroll", scroll)


@pytest.mark.parametrize(("name", "axis"), [("sagittal", 0), ("coronal", 1), ("axial", 2)])
def test_a_panel_shows_the_slice_that_figures_would(page, made, name, axis):
    page.uncheck('[data-control="outlines"]')
    shown = pixels(page, name)
    brain = made.fixed()
    there = [np.flatnonzero((brain > 0).any(axis=tuple({0, 1, 2} - {a}))) for a in range(3)]
    box = tuple(slice(max(0, x[0] - 2), x[-1] + 3) for x in there)
    wanted = plane(brain[box], axis, slices(page)[name])
    small = Image.fromarray(shown[..., 1].astype(np.float32)).resize(wanted.shape[::-1], Image.Resampling.BOX)
    assert np.corrcoef(np.asarray(small).ravel(), wanted.ravel())[0, 1] > 0.97


def test_sliders_wheel_and_keys_scroll_through_slices(page):
    start, before = slices(page), pixels(page)
    page.locator('.sliders input[data-axis="2"]').press("ArrowRight")
    assert slices(page)["axial"] == start["axial"] + 1
    assert (pixels(page) != before).any()
    press(page, "PageUp")
    assert slices(page)["axial"] == start["axial"] + 2
    page.locator(PANEL.format(plane="coronal", layers="0")).hover()
    page.mouse.wheel(0, -100)
    assert slices(page) == start | {"axial": start["axial"] + 2, "coronal": start["coronal"] + 1}
    press(page, "ArrowLeft", "ArrowDown")  # across and down the axial plane
    assert slices(page)["sagittal"] == start["sagittal"] - 1
    assert slices(page)["coronal"] == start["coronal"] + 2


def test_keys_scroll_the_plane_that_was_chosen_by_the_list(page):
    start = slices(page)
    select(page, "planes", "1")
    press(page, "PageUp")
    assert slices(page) == start | {"coronal": start["coronal"] + 1}


def test_the_wheel_scrolls_the_page_until_the_slices_are_in_focus(page):
    start = slices(page)
    page.locator(PANEL.format(plane="axial", layers="0")).hover()
    top = page.evaluate("scrollY")
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") > top
    assert slices(page) == start


def test_a_click_sets_one_cursor_in_all_planes(page):
    panel = page.locator(PANEL.format(plane="axial", layers="2"))
    box = panel.bounding_box()
    panel.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.75})
    shape = page.evaluate(
        "JSON.parse(document.getElementById('viewer-head').textContent)[0].layers[0].image.shape"
    )
    now = slices(page)
    assert abs(now["sagittal"] - 0.25 * shape[0]) <= 1  # across: from the patient's right
    assert abs(now["coronal"] - 0.75 * shape[1]) <= 1  # down: towards the back


def test_the_value_under_the_cross_is_the_image_s(page, made):
    head = page.evaluate("JSON.parse(document.getElementById('viewer-head').textContent)[0]")
    first = np.round((np.array(head["origin"]) - [-24, -20, -18]) / 2).astype(
        int
    )  # of the box in the whole grid
    at = first + [slices(page)[name] for name in ("sagittal", "coronal", "axial")]
    told = page.inner_text(".readout").split("Fixed ")[1].split(",")[0]
    assert abs(float(told) - made.fixed()[tuple(at)]) < 0.01


def test_other_methods_are_chosen_by_list_and_by_key(page):
    names = page.eval_on_selector_all('[data-control="a"] option', "all => all.map(o => o.textContent)")
    assert names == ["Fixed", "Moving, affinely aligned", "SyN", "Our Method (DMI)", "Truth"]
    syn, dmi = pixels(page, layers="2"), pixels(page, layers="3")
    assert (syn != dmi).any()
    select(page, "a", "4")
    assert (pixels(page, layers="4") != syn).any()
    press(page, "A", "b")
    assert page.eval_on_selector('[data-control="a"]', "s => s.value") == "3"
    assert page.eval_on_selector('[data-control="b"]', "s => s.value") == "4"


def test_a_blend_goes_from_one_method_to_the_other(page):
    page.uncheck('[data-control="outlines"]')
    syn, dmi = pixels(page, layers="2"), pixels(page, layers="3")
    press(page, "m")
    wanted = {0: syn, 50: (syn + dmi) / 2, 100: dmi}
    for share in wanted:
        move = f"s => {{ s.value = {share}; s.dispatchEvent(new Event('input')) }}"
        page.eval_on_selector('[data-control="mix"]', move)
        image = Image.fromarray(pixels(page, layers="2 3").astype(np.uint8)).resize(syn.shape[1::-1])
        errors = {each: np.abs(np.asarray(image) - other).mean() for each, other in wanted.items()}
        assert min(errors, key=lambda each: errors[each]) == share, errors
    press(page, "m")
    assert page.eval_on_selector('[data-control="mode"]', "s => s.value") == "checker"
    assert page.is_hidden('[data-for="blend"]')


def test_outlines_and_grid_are_drawn_when_asked_for(page):
    page.uncheck('[data-control="outlines"]')
    plain = pixels(page, layers="2")
    assert coloured(plain) == 0
    press(page, "l")
    assert coloured(pixels(page, layers="2")) > 100
    press(page, "l", "g")
    assert coloured(pixels(page, layers="2")) > 100
    still, strong = pixels(page, layers="0"), pixels(page, layers="3")
    assert straight(still) > straight(strong)
    press(page, "g")
    assert (pixels(page, layers="2") == plain).all()


def test_a_deformation_grid_lies_over_the_moving_image(page):
    page.uncheck('[data-control="outlines"]')
    moving, warped = pixels(page, layers="1"), pixels(page, layers="3")
    press(page, "g")
    with_grid = pixels(page, layers="3")
    free = np.ptp(with_grid, axis=-1) < 5  # neither grid nor cross
    assert np.abs(with_grid - moving)[free].mean() < 1 < np.abs(with_grid - warped)[free].mean()
    assert "Our Method (DMI): grid over moving" in page.inner_text(".panels")


def coloured(image: np.ndarray) -> int:
    """Pixels that are neither grey nor of the (red) cross."""
    red, green, blue = np.moveaxis(image, -1, 0)
    return int(((np.abs(green - blue) > 25) | (blue > red + 25)).sum())


def straight(image: np.ndarray) -> int:
    """The most green pixels that any column has: all of it where a line of the grid is straight."""
    red, green, _ = np.moveaxis(image, -1, 0)
    return int((green > red + 60).sum(axis=0).max())


def test_the_other_task_is_shown_when_it_is_chosen(page):
    assert page.inner_text('[data-part="title"]').startswith("mono: NA (T1w) to 007 (T1w)")
    select(page, "view", "1")
    assert page.inner_text('[data-part="title"]').startswith("multi: NA (T2w) to 007 (T1w)")
    assert pixels(page).std() > 10


def test_a_method_without_a_field_is_told(page):
    assert f"{EVIL} has no field of this pair to show (error: exit code 1" in page.inner_text(
        '[data-part="notes"]'
    )


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_colours_follow_the_system_and_the_button_turns_them(open_page, scheme, dark):
    page = open_page(scheme=scheme)

    def is_dark() -> bool:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.strip("rgb()").split(",")) < 200

    assert is_dark() == dark
    page.click("#theme")
    assert is_dark() != dark
    page.click("#theme")
    assert is_dark() == dark


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(open_page, width):
    page = open_page(width=width)
    press(page, "g")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".panels canvas").count() == (12 if width == 1280 else 4)
    assert pixels(page, layers="3").std() > 10


def test_what_has_the_focus_is_seen(page):
    for selector in (".panels", "#theme", "thead button >> nth=0", ".sliders input >> nth=0"):
        page.locator(selector).focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", selector
