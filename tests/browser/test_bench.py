"""The main job, as a reader does it: read, edit, run, look."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage

EXAMPLES = {
    ".data": ("What .data hides from autograd", "tensor([0., 0., 0.])"),
    ".detach()": ("The same write, seen through .detach()", "is at version 1; expected version 0 instead"),
    "Two networks": ("Train B, leave A alone", "A: None"),
    "Frozen network": ("Freeze B, train A through it", "B: None"),
}


def write(page: Page, source: str) -> None:
    page.get_by_label("Snippet", exact=True).locator("visible=true").fill(source)


def run(page: Page) -> None:
    with page.expect_response("**/traces"):
        page.get_by_role("button", name="Run").click()


def test_the_first_visit_teaches_without_a_click(open_page: OpenPage) -> None:
    page = open_page("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("What .data hides from autograd")
    expect(page.get_by_role("region", name="Printed")).to_contain_text("tensor([0., 0., 0.])")
    expect(page.get_by_role("article")).to_contain_text("ine 5")
    expect(page.locator("#pictures svg").first).to_be_visible()
    gradients = page.get_by_role("region", name="Gradients")
    for value in ("0.1966", "0.1050", "0.0452"):
        expect(gradients).to_contain_text(value)
    expect(page.locator("#mount .end-note.unseen")).to_have_text("write not seen by autograd")


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_is_one_press_away(open_page: OpenPage, name: str) -> None:
    page = open_page("/")
    title, output = EXAMPLES[name]
    page.get_by_role("navigation", name="Site").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_role("region", name="Output")).to_contain_text(output)
    expect(page.locator("#pictures svg").first).to_be_visible()


def test_the_other_variant_of_the_telling_line(open_page: OpenPage) -> None:
    page = open_page("/")
    page.get_by_role("navigation", name="Variants of line 4").get_by_role("link", name="out.detach()").click()
    expect(page.get_by_role("region", name="Output")).to_contain_text("RuntimeError")
    expect(page.get_by_label("Snippet", exact=True).locator("visible=true")).to_contain_text("c = out.detach()")


def test_editing_and_running_swaps_the_result_in_place(open_page: OpenPage) -> None:
    page = open_page("/")
    page.evaluate("window.stayed = true")
    write(page, "import torch\nw = torch.tensor([2., 5.], requires_grad=True)\n(w * w).sum().backward()\nprint(w.grad)")
    run(page)
    expect(page.get_by_role("region", name="Printed")).to_contain_text("tensor([ 4., 10.])")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your snippet")
    expect(page.get_by_role("region", name="Gradients")).to_contain_text("w.grad")
    expect(page.get_by_label("Snippet", exact=True).locator("visible=true")).to_contain_text("(w * w)")
    expect(page.locator("#announcement")).to_have_text("Finished. Nothing unusual was seen.")
    assert page.evaluate("window.stayed") is True
    assert page.title() == "Your snippet · Tapescope"


def test_nothing_moves_when_the_result_arrives(open_page: OpenPage) -> None:
    page = open_page("/")
    write(page, "import torch\n" * 7)
    before = page.locator("#run").bounding_box()
    run(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your snippet")
    assert page.locator("#run").bounding_box() == before


def test_control_enter_runs_and_the_caret_stays(open_page: OpenPage) -> None:
    page = open_page("/")
    editor = page.get_by_label("Snippet", exact=True).locator("visible=true")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nprint(6 * 7)")
    with page.expect_response("**/traces"):
        page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="Printed")).to_contain_text("42")
    expect(editor).to_be_focused()
    page.keyboard.type("  # more")
    expect(editor).to_contain_text("print(6 * 7)  # more")
    page.keyboard.press("Control+z")
    expect(editor).not_to_contain_text("# more")


def test_a_line_link_of_the_diagnosis_puts_the_caret_there(open_page: OpenPage) -> None:
    page = open_page("/")
    page.get_by_role("article").get_by_role("link", name=re.compile("ine 5$")).first.click()
    expect(page.get_by_label("Snippet", exact=True).locator("visible=true")).to_be_focused()
    expect(page.locator("#mount .cm-activeLine").locator("visible=true").first).to_contain_text("c.zero_()")
    assert page.url.endswith("/")


def test_after_an_edit_the_pictures_say_whose_they_are(open_page: OpenPage) -> None:
    page = open_page("/")
    editor = page.get_by_label("Snippet", exact=True).locator("visible=true")
    stale = page.get_by_text("Of the run before your edit.")
    editor.click()
    page.keyboard.type("#")
    expect(stale).to_be_visible()
    expect(page.locator("#pictures svg").first).to_be_visible()
    page.keyboard.press("Backspace")
    expect(stale).to_have_count(0)
    page.keyboard.type("#")
    run(page)
    expect(stale).to_have_count(0)


def test_what_was_written_survives_a_reload(open_page: OpenPage) -> None:
    page = open_page("/")
    write(page, "print('mine')")
    page.goto("/examples/frozen-network")
    page.get_by_role("button", name="Bring it back").click()
    editor = page.get_by_label("Snippet", exact=True).locator("visible=true")
    expect(editor).to_have_text("print('mine')")
    expect(editor).to_be_focused()
    page.reload()
    page.get_by_role("button", name="Forget it").click()
    page.reload()
    page.locator("#mount .cm-content").wait_for()
    expect(page.get_by_role("button", name="Bring it back")).to_have_count(0)


def test_one_thing_lights_up_everywhere(open_page: OpenPage) -> None:
    page = open_page("/")
    name = page.get_by_role("region", name="Variables").get_by_text("out", exact=True)
    name.hover()
    expect(page.locator("#mount .cm-content .lit").first).to_have_text("out")
    expect(page.locator("#pictures .lit").first).to_be_attached()
    name.click()
    page.get_by_role("heading", level=1).hover()
    expect(page.locator("#mount .cm-content .lit").first).to_have_text("out")  # pinned
    page.keyboard.press("Escape")
    expect(page.locator(".lit")).to_have_count(0)


def test_the_theme_is_remembered(open_page: OpenPage) -> None:
    page = open_page("/", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    button = page.get_by_role("button", name="theme")
    for word in ("Light", "Dark"):
        button.click()
        expect(button).to_contain_text(word)
    dark = page.evaluate(ground)
    assert dark != light
    page.goto("/about/sandbox")
    assert page.evaluate(ground) == dark
    page.get_by_role("button", name="theme").click()
    assert page.evaluate(ground) == light
    assert page.evaluate("localStorage.getItem('theme')") is None
