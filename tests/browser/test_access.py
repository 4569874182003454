"""Keyboard, screen reader, no scripts, narrow screens, both themes."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Watch
from tests.browser.test_bench import EXAMPLES, run, write

AXE = Path(__file__).parent / "vendor/axe-core/axe.min.js"
PATHS = [
    "/",
    "/examples/detach",
    "/examples/two-networks",
    "/examples/two-networks-in-place",
    "/examples/frozen-network",
    "/examples/frozen-network-no-grad",
    "/compare",
    "/pitfalls",
    "/pitfalls/graph-cut",
    "/about/sandbox",
    "/api/docs",
    "/nowhere",
]
STATES = {
    "syntax error": "x = (",
    "raised": "import torch\nx = torch.ones(3, requires_grad=True)\nx.add_(1)",
    "stopped": "while True:\n    print('x' * 1000)",
    "empty": " ",
    "nothing recorded": "import torch\nx = torch.arange(100.).reshape(10, 10)",
    "a loop": "import torch\nw = torch.ones(3, requires_grad=True)\nfor _ in range(30):\n    (w * w).sum().backward()",
    "long names": f"import torch\n{'n' * 120} = torch.ones(3, requires_grad=True)\n{'n' * 120}.sum().backward()",
}


def violations(page: Page) -> list[str]:
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run()")["violations"]
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("path", PATHS)
def test_no_axe_violation_on_any_page(visit: OpenPage, watch: Watch, path: str) -> None:
    watch.expected.append("404")
    page = visit(path, bypass_csp=True)
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("state", STATES)
def test_no_axe_violation_in_any_state(visit: OpenPage, watch: Watch, state: str, width: int) -> None:
    watch.expected.append("422")
    page = visit("/", width=width, bypass_csp=True)
    write(page, STATES[state])
    run(page)
    page.locator(".htmx-request").wait_for(state="detached")
    page.get_by_label("Snippet", exact=True).locator("visible=true").click()
    page.keyboard.type("#")  # stale, and the hint on how to leave
    assert violations(page) == []
    assert overflow(page) <= 0


def overflow(page: Page) -> int:
    pixels: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return pixels


@pytest.mark.parametrize("path", PATHS)
def test_no_page_overflows_sideways(visit: OpenPage, watch: Watch, path: str) -> None:
    watch.expected.append("404")
    page = visit(path)
    for width in (320, 390, 900, 1240, 1241, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) <= 0, width


# A drawing is shown at 0.95 to 1.2 of the size that it was made for.
SMALL_TEXT = """() => [...document.querySelectorAll('svg text')]
  .filter(text => text.checkVisibility() && text.textContent.trim())
  .map(text => [parseFloat(getComputedStyle(text).fontSize) * (text.getScreenCTM()?.a ?? 1), text.textContent])
  .filter(([size]) => size < 11.4)"""


@pytest.mark.parametrize("path", PATHS[:7])
def test_no_text_of_a_drawing_is_too_small_to_read(visit: OpenPage, path: str) -> None:
    page = visit(path)
    for width in (320, 390, 900, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(SMALL_TEXT) == [], width


def test_with_the_keyboard_alone(visit: OpenPage) -> None:
    page = visit("/")
    editor = page.get_by_label("Snippet", exact=True).locator("visible=true")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "mount":
            break
    expect(editor).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("import torch\nfor i in range(2):\nprint(i)")
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    expect(editor).to_contain_text("    print(i)")
    expect(editor).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor).not_to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(editor).to_be_focused()
    with page.expect_response("**/traces"):
        page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="Printed")).to_contain_text("0\n1")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Run")).to_be_focused()
    with page.expect_response("**/traces"):
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Run")).to_be_focused()


def test_everything_that_takes_focus_shows_it(visit: OpenPage) -> None:
    page = visit("/")
    seen = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        name, shown = page.evaluate(
            "() => { const at = document.activeElement, look = getComputedStyle(at);"
            "return [at.outerHTML.slice(0, 80), at === document.body || at.id === 'mount' ||"
            "look.boxShadow !== 'none' || look.outlineStyle !== 'none']; }"
        )
        assert shown, name
        if name in seen and name.startswith("<body"):
            break
        seen.add(name)
    assert len(seen) > 10


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_without_scripts(open_page: OpenPage, name: str) -> None:
    page = open_page("/", java_script_enabled=False)
    title, output = EXAMPLES[name]
    page.get_by_role("navigation", name="Site").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_role("region", name="Output")).to_contain_text(output)
    expect(page.locator("#pictures svg").first).to_be_visible()


def test_editing_and_running_without_scripts(open_page: OpenPage, watch: Watch) -> None:
    watch.expected += ["422", "413"]
    page = open_page("/", java_script_enabled=False)
    source = page.get_by_label("Snippet", exact=True)
    source.fill("import torch\nprint(torch.ones(2) * 21)")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("region", name="Printed")).to_contain_text("tensor([21., 21.])")
    expect(source).to_have_value("import torch\nprint(torch.ones(2) * 21)")
    source.fill("#" * 20_001)
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("20,001 bytes")
    expect(source).to_have_value("#" * 20_001)
    source.fill("")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing to run.")


def test_line_by_line_without_scripts(open_page: OpenPage) -> None:
    page = open_page("/", java_script_enabled=False)
    page.get_by_text("Line by line").click()
    expect(page.locator("#L5")).to_contain_text("write not seen by autograd")
    expect(page.locator("#L3")).to_contain_text("saved for backward")


def test_nothing_jumps_while_the_page_loads(open_page: OpenPage) -> None:
    page = open_page("/")
    page.wait_for_timeout(500)
    shift = page.evaluate(
        "() => new Promise(done => { let sum = 0; new PerformanceObserver(list => {"
        "for (const entry of list.getEntries()) sum += entry.value; }).observe({type: 'layout-shift', buffered: true});"
        "setTimeout(() => done(sum), 200); })"
    )
    assert shift <= 0.01


def test_the_page_ships_its_own_fonts(visit: OpenPage) -> None:
    page = visit("/")
    page.evaluate("document.fonts.ready")
    assert page.evaluate(
        "document.fonts.check('16px \"Source Sans 3\"') && document.fonts.check('16px \"Source Code Pro\"')"
    )
    family = "element => getComputedStyle(element).fontFamily"
    assert page.locator("h1").evaluate(family).startswith('"Source Sans 3"')
    assert page.locator("#mount .cm-scroller").evaluate(family).startswith('"Source Code Pro"')


def test_the_first_screen_shows_code_finding_and_pictures(visit: OpenPage) -> None:
    page = visit("/")
    heights = {
        "finding": page.locator("#first-finding").bounding_box(),
        "tape": page.locator("#pictures .part").nth(0).bounding_box(),
        "scene": page.locator("#pictures .part").nth(1).bounding_box(),
    }
    assert heights["finding"] is not None
    assert heights["finding"]["y"] + heights["finding"]["height"] < 900
    assert heights["tape"] is not None
    assert heights["tape"]["y"] + heights["tape"]["height"] < 900
    assert heights["scene"] is not None
    assert heights["scene"]["y"] < 820
