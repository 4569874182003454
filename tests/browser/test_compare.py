"""Two runs beside each other: one slider moves both, a run swaps what was compared, and light keeps to its side."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_access import violations


def test_one_slider_moves_both(open_page: OpenPage) -> None:
    page = open_page("/compare")
    page.get_by_role("link", name="Show it").click()
    slider = page.get_by_role("slider", name="Moment of both runs")
    expect(slider).to_have_value("3")
    expect(page.locator("#left-saying")).to_contain_text(".data")
    expect(page.locator("#right-saying")).to_contain_text(".detach()")
    for side in ("left", "right"):  # in words, also where the run stands
        expect(page.locator(f"#{side}-mount .cm-line.differs")).to_contain_text("differs")
    slider.press("ArrowRight")
    expect(page.locator("#where")).to_have_text("Column 5 of 10, after they parted")
    for side in ("left", "right"):
        expect(page.locator(f"#{side}-mount .cm-line.now").locator("visible=true").first).to_contain_text("c.zero_()")
    expect(page).to_have_url(re.compile("moment=5$"))


def test_an_edit_and_ctrl_enter_compare_again(open_page: OpenPage) -> None:
    page = open_page("/compare")
    expect(page.locator("#right-source")).to_be_hidden()  # the editor is there
    page.get_by_role("textbox", name="Right").locator("visible=true").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("import torch\nx = (")
    with page.expect_response("**/compare"):
        page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="How the right came out")).to_contain_text("SyntaxError")
    expect(page.get_by_role("region", name="How the left came out")).to_contain_text("Finished")


def test_light_keeps_to_its_side(open_page: OpenPage) -> None:
    page = open_page("/compare")
    page.locator('[data-side="left"] .scene [data-ref="s1"]').locator("visible=true").first.hover()
    expect(page.locator('[data-side="left"] .scene .lit').first).to_be_attached()
    expect(page.locator('[data-side="right"] .lit')).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_that_axe_finds_is_wrong(visit: OpenPage, scheme: str) -> None:
    page = visit("/compare", color_scheme=scheme, bypass_csp=True)
    expect(page.locator("#right-mount .cm-content")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_overflows_sideways(visit: OpenPage, width: int) -> None:
    page = visit("/compare", width=width, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_run_of_both_brings_the_drawings_of_one_width_and_another_window_those_of_all(open_page: OpenPage) -> None:
    page = open_page("/compare")
    figures = page.locator("#compared .pictured svg.figure:not(.legend-mark)")
    expect(figures).to_have_count(14)
    expect(page.locator("#right-mount .cm-content")).to_be_visible()
    with page.expect_request("**/compare") as asked:
        page.get_by_role("button", name="Run both").click()
    expect(figures).to_have_count(4)
    assert "width=" in (asked.value.post_data or "")
    for figure in figures.all():
        expect(figure).to_be_visible()
    slider = page.get_by_role("slider", name="Moment of both runs")
    slider.fill("3")
    expect(page.locator("#where")).to_contain_text("Column 4 of 10")
    length = page.evaluate("history.length")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(figures).to_have_count(14)
    expect(page.locator("#compared .pictured .scene svg.figure.narrow").first).to_be_visible()
    expect(page.locator("#where")).to_contain_text("Column 4 of 10")
    assert page.evaluate("history.length") == length
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
