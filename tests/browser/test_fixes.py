"""A fix, as a reader takes it: read what it gave, apply it, take it back."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.test_access import overflow, violations
from tests.browser.test_bench import run, write

OVERWRITTEN = """\
import torch
w = torch.tensor([1., 2., 3.], requires_grad=True)
y = w.sigmoid()
y += 1  # up
y.sum().backward()
print(w.grad)"""
MENDED = OVERWRITTEN.replace("y += 1", "y = y + 1")
# The page may grow by what a line takes where another fix is told in one line more.
SLACK_PX = 24


def editor(page: Page) -> str:
    text: str = page.locator("#source").input_value()
    return text


def test_a_fix_is_read_applied_and_undone(open_page: OpenPage) -> None:
    page = open_page("/")
    write(page, OVERWRITTEN)
    with page.expect_response("**/fixes"):
        run(page)
    first = page.get_by_label("Fixes that were run").get_by_role("listitem").first
    expect(first.get_by_role("heading")).to_have_text("Make a new tensor on line 4: y = y + 1")
    expect(first.get_by_label("The change")).to_contain_text("y = y + 1  # up")
    expect(first.get_by_role("row", name="w.grad")).to_contain_text("0.1966")
    expect(page.locator("#said-of-fixes")).to_have_text("2 fixes were run and found to hold.")
    expect(first.get_by_role("link", name="Compare with yours")).to_have_attribute(
        "href", re.compile(r"^/compare\?left=")
    )
    with page.expect_response("**/traces"):
        first.get_by_role("button", name="Apply").press("Enter")
    expect(page.locator("#announcement")).to_have_text("Finished. Nothing unusual was seen.")
    expect(page.get_by_role("region", name="Printed")).to_contain_text("0.1966")
    assert editor(page) == MENDED
    expect(page.locator(".fixes")).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Applied: ")).to_contain_text("y = y + 1")
    expect(page.locator("#mount .cm-content")).to_be_focused()
    page.keyboard.press("Control+z")
    assert editor(page) == OVERWRITTEN  # the change alone, in one
    expect(page.get_by_text("Of the run before your edit.")).to_be_visible()
    page.keyboard.press("Control+y")
    assert editor(page) == MENDED


def test_a_fix_is_taken_back_with_one_press(open_page: OpenPage) -> None:
    page = open_page("/", width=390, has_touch=True, is_mobile=True)
    with page.expect_response("**/traces"):
        page.get_by_role("button", name="Apply").first.tap()
    assert "c = out.detach().clone()" in editor(page)
    with page.expect_response("**/traces"):
        page.get_by_role("button", name="Take it back").tap()
    assert "c = out.data\n" in editor(page)
    expect(page.get_by_role("button", name="Take it back")).to_have_count(0)
    expect(page.get_by_role("article")).to_contain_text("hidden from autograd")


def test_fixes_come_without_moving_the_page(open_page: OpenPage) -> None:
    page = open_page("/")
    held: list[Route] = []
    page.route("**/fixes", lambda route: held.append(route))
    write(page, f"{OVERWRITTEN}  # held")
    run(page)
    page.locator("form.awaited").wait_for()
    bottom = "document.querySelector('#gradients').getBoundingClientRect().top"
    before = page.evaluate(bottom)
    for route in held:
        route.continue_()
    page.get_by_label("Fixes that were run").first.wait_for()
    assert abs(page.evaluate(bottom) - before) <= SLACK_PX


def test_fixes_without_scripts(open_page: OpenPage) -> None:
    page = open_page("/", java_script_enabled=False)
    page.locator("#source").fill(f"{OVERWRITTEN}  # plain")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Try fixes").click()
    page.get_by_role("button", name="Apply").first.click()
    expect(page.locator("#source")).to_have_value(f"{MENDED}  # plain")
    expect(page.get_by_role("region", name="Printed")).to_contain_text("0.1966")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_no_axe_violation_among_fixes(visit: OpenPage, width: int, scheme: str) -> None:
    page = visit("/", width=width, color_scheme=scheme, bypass_csp=True)
    page.get_by_label("Fixes that were run").wait_for()
    for row in page.locator(".fix-row summary").all():
        row.click()
    assert violations(page) == []
    assert overflow(page) <= 0
