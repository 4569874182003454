"""Travelling through a run: slider, buttons, keys, play, links, the address; with and without scripts."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from app.web.address import pack
from tests.browser.conftest import OpenPage
from tests.browser.test_access import overflow, violations
from tests.browser.test_bench import run, write

TRAINING = """\
import torch
net = torch.nn.Linear(2, 1)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    loss = net(torch.ones(1, 2)).pow(2).sum()
    loss.backward()
    opt.step()
"""
LOOP = "import torch\nw = torch.ones(3, requires_grad=True)\nfor i in range(400):\n    (w * w).sum().backward()\n"


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Moment of the run")


def stands_at(page: Page, moment: int) -> None:
    expect(page.locator("#where")).to_contain_text(re.compile(f"^Moment {moment} of "))


def test_the_slider_moves_everything_at_once_and_asks_nothing(open_page: OpenPage) -> None:
    page = open_page("/examples/data")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    slider(page).fill("4")
    stands_at(page, 5)
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("^moment 5 of 10, line 5. "))
    expect(page.get_by_role("region", name="Variables")).to_contain_text("after line 5")
    expect(page.locator("#gradients .instead").first).to_have_text("None yet")
    expect(page.locator("#printed .rest")).to_be_visible()
    expect(page.locator("#printed .ending")).to_be_hidden()
    expect(page.locator("#mount .cm-line.now")).to_contain_text("c.zero_()")
    slider(page).fill("2")
    expect(page.locator("#mount .cm-line.now .end-note.now")).to_have_text("now")
    expect(page.locator("#mount .end-note.unseen")).to_have_count(0)
    assert requests == []


def test_the_address_follows_after_a_rest(open_page: OpenPage) -> None:
    page = open_page("/examples/data")
    length = page.evaluate("history.length")
    slider(page).fill("4")
    page.wait_for_url("**/examples/data?moment=5")
    slider(page).fill("9")
    page.wait_for_url("**/examples/data")
    assert page.evaluate("history.length") == length


def test_a_link_opens_at_its_moment(visit: OpenPage) -> None:
    page = visit("/examples/data?moment=8")
    stands_at(page, 8)
    expect(slider(page)).to_have_value("7")
    expect(page.locator("#mount .cm-line.now")).to_contain_text("out.sum().backward()")
    page.reload()
    stands_at(page, 8)


@pytest.mark.parametrize(
    ("start", "key", "moment"),
    [
        (8, "ArrowLeft", 7),
        (8, "ArrowRight", 9),
        (8, "PageUp", 6),
        (8, "PageDown", 10),
        (8, "Home", 1),
        (8, "End", 10),
        (1, "ArrowLeft", 1),
        (1, "PageUp", 1),
        (10, "PageDown", 10),
        (2, "PageDown", 3),
    ],
)
def test_keys_on_the_slider_and_in_a_figure(visit: OpenPage, start: int, key: str, moment: int) -> None:
    page = visit(f"/examples/data?moment={start}")
    slider(page).focus()
    page.keyboard.press(key)
    stands_at(page, moment)
    page.goto(f"/examples/data?moment={start}")
    page.locator("#mount .cm-content").wait_for()
    page.locator("#scene svg.figure:visible a[tabindex='0']").focus()
    page.keyboard.press(key)
    stands_at(page, moment)


def test_buttons_ticks_and_the_list(visit: OpenPage) -> None:
    page = visit("/examples/data?moment=8")
    page.get_by_role("button", name="Earlier moment").click()
    stands_at(page, 7)
    page.get_by_role("button", name="Later moment").click()
    page.get_by_role("button", name="Later moment").click()
    stands_at(page, 9)
    page.locator(".ticks .tick[data-moment='3'] text").click()
    stands_at(page, 3)
    page.get_by_text("Moment by moment").click()
    page.get_by_role("link", name="Moment 5 of 10").click()
    stands_at(page, 5)
    expect(page.locator("#told li.now")).to_contain_text("Moment 5 of 10")
    said = page.locator("#told li.now .said").inner_text()
    assert page.locator("#sentence").inner_text().strip() == said.strip()
    slider(page).fill("0")
    expect(page.get_by_role("button", name="Earlier moment")).to_be_disabled()


def test_play_steps_and_stops_at_the_end(open_page: OpenPage) -> None:
    page = open_page("/examples/data?moment=9")
    page.clock.install()
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    stands_at(page, 9)
    page.clock.run_for(700)
    stands_at(page, 10)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_role("button", name="Play").press("Enter")  # from the start again
    stands_at(page, 1)
    page.clock.run_for(1_400)
    stands_at(page, 3)


@pytest.mark.parametrize("stop", ["Escape", "Space", "pointer"])
def test_play_stops_at_any_input(open_page: OpenPage, stop: str) -> None:
    page = open_page("/examples/data?moment=2")
    page.clock.install()
    page.get_by_role("button", name="Play").press("Space")
    page.clock.run_for(700)
    if stop == "pointer":
        page.get_by_role("heading", level=1).click()
    else:
        page.keyboard.press(stop)
    page.clock.run_for(5_000)
    stands_at(page, 3)
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_reduced_motion_still_steps_and_moves_nothing(open_page: OpenPage) -> None:
    page = open_page("/examples/data?moment=2", reduced_motion="reduce")
    page.clock.install()
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(700)
    stands_at(page, 3)
    moving = page.evaluate(
        """() => [...document.querySelectorAll('#result *')].filter(each => {
          const {transitionDuration, animationName} = getComputedStyle(each);
          return animationName !== 'none' || transitionDuration.split(',').some(one => parseFloat(one) > 0.001);
        }).length"""
    )
    assert moving == 0


def test_nothing_jumps_while_one_scrubs(visit: OpenPage) -> None:
    page = visit("/examples/data")
    places = """() => ['.timeline', '.tape', '#scene', '#findings', '#gradients', '#variables']
      .map(each => document.querySelector(each).getBoundingClientRect().top)"""
    before = page.evaluate(places)
    for index in (0, 4, 7, 8):
        slider(page).fill(str(index))
        assert page.evaluate(places) == before


def test_a_line_link_stands_at_its_line(visit: OpenPage) -> None:
    page = visit("/examples/data")
    page.get_by_role("article").get_by_role("link", name=re.compile("ine 5$")).first.click()
    stands_at(page, 5)
    page.wait_for_url("**/examples/data?moment=5")


def test_one_tab_stop_a_figure_arrows_between_marks_and_enter_pins(visit: OpenPage) -> None:
    page = visit("/examples/data")
    stops = page.locator("#scene svg.figure:visible a[tabindex='0']")
    expect(stops).to_have_count(1)
    stops.focus()
    first = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert first != second
    expect(stops).to_have_count(1)
    page.keyboard.press("Enter")
    ref = page.evaluate("document.activeElement.dataset.ref")
    page.get_by_role("heading", level=1).hover()
    assert ref in page.evaluate("[...document.querySelectorAll('.lit')].map(each => each.dataset.ref)")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == first
    page.keyboard.press("Escape")


def test_hover_lights_the_same_thing_everywhere_at_an_early_moment(visit: OpenPage) -> None:
    page = visit("/examples/data?moment=5")
    page.locator("#variables code", has_text=re.compile("^out$")).hover()
    expect(page.locator("#mount .cm-content .lit").first).to_have_text("out")
    expect(page.locator("#pictures .lit").first).to_be_attached()
    page.locator("#variables [data-ref='s1']").first.hover()
    expect(page.locator("#pictures .lit").first).to_be_attached()
    slider(page).fill("1")
    expect(page.locator("#mount .cm-content [data-ref='t1']")).to_have_count(0)  # there is no such name yet


def test_running_then_scrubbing_then_back(open_page: OpenPage) -> None:
    page = open_page("/examples/data?moment=5")
    source = "import torch\nw = torch.ones(2, requires_grad=True)\n(w * w).sum().backward()\nprint(w.grad)"
    write(page, source)
    run(page)
    page.wait_for_url(f"**/?code={pack(source)}")
    stands_at(page, 7)
    slider(page).fill("1")
    stands_at(page, 2)
    expect(page.locator("#mount .cm-line.now")).to_contain_text("w = torch.ones")
    page.wait_for_url(f"**/?code={pack(source)}&moment=2")
    page.go_back()
    page.wait_for_url("**/examples/data?moment=5")
    stands_at(page, 5)
    page.go_forward()
    stands_at(page, 2)
    expect(page.get_by_label("Snippet", exact=True).locator("visible=true")).to_contain_text("(w * w)")


def test_the_editor_scrolls_to_the_line_and_the_page_does_not(visit: OpenPage) -> None:
    source = "import torch\n" + "# …\n" * 100 + "w = torch.ones(2)"
    page = visit(f"/?code={pack(source)}")
    line = page.locator("#mount .cm-line.now")
    expect(line).to_have_count(0)  # at first one sees the snippet's beginning
    slider(page).fill("0")
    expect(line).to_be_in_viewport()
    slider(page).fill("1")
    expect(line).to_contain_text("w = torch.ones(2)")
    expect(line).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0


def test_a_run_without_steps_has_no_slider_and_the_next_one_has(visit: OpenPage) -> None:
    page = visit("/")
    write(page, "x = (")
    run(page)
    expect(slider(page)).to_have_count(0)
    write(page, "x = 1\ny = 2")
    run(page)
    slider(page).fill("0")
    stands_at(page, 1)


def test_without_scripts_every_moment_is_a_link(open_page: OpenPage) -> None:
    page = open_page("/examples/data", java_script_enabled=False)
    expect(slider(page)).to_be_hidden()
    page.get_by_role("button", name="Earlier moment").click()
    stands_at(page, 9)
    page.locator(".ticks .tick[data-moment='5'] text").click()
    stands_at(page, 5)
    expect(page.get_by_role("region", name="Variables")).to_contain_text("after line 5")
    page.get_by_text("Moment by moment").click()
    page.get_by_role("link", name="Moment 8 of 10").click()
    stands_at(page, 8)
    page.get_by_text("Line by line").click()
    expect(page.locator("#L6")).to_contain_text("now")


def test_without_scripts_an_edited_snippet_has_moments_too(open_page: OpenPage) -> None:
    page = open_page("/", java_script_enabled=False)
    page.get_by_label("Snippet", exact=True).fill(LOOP)
    page.get_by_role("button", name="Run").click()
    page.get_by_text("Moment by moment").click()
    page.locator("#told").get_by_role("link", name=re.compile("folded")).first.click()
    expect(page.locator("#where")).to_contain_text("of the loop on line 3, folded")
    field = page.get_by_label("Open it around moment")
    field.fill("1000")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("#where")).to_contain_text("Moment 1,000 of ")


def test_a_fold_opens_around_any_moment(visit: OpenPage) -> None:
    page = visit(f"/?code={pack(LOOP)}")
    form = page.locator("#fold-open")
    expect(form).to_be_hidden()
    page.get_by_text("Moment by moment").click()
    page.locator("#told li[data-first] .way").first.click()
    expect(form).to_be_visible()
    form.get_by_role("spinbutton").fill("1234")
    form.get_by_role("spinbutton").press("Enter")
    page.wait_for_url("**&moment=1234")
    expect(page.locator("#where")).to_contain_text("Moment 1,234 of ")
    slider(page).press("ArrowRight")
    page.wait_for_url("**&open=m1234&moment=1235")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/examples/data?moment=3", "/examples/detach?moment=7", f"/?code={pack(LOOP)}&moment=40"]
)
def test_no_axe_violation_at_an_early_moment(visit: OpenPage, path: str, scheme: str) -> None:
    page = visit(path, color_scheme=scheme, bypass_csp=True)
    page.get_by_text("Moment by moment").click()
    assert violations(page) == []


@pytest.mark.parametrize("width", [320, 390, 900, 1240, 1440])
@pytest.mark.parametrize("path", ["/examples/data?moment=3", f"/?code={pack(LOOP)}&moment=40"])
def test_no_moment_overflows_sideways(visit: OpenPage, path: str, width: int) -> None:
    page = visit(path, width=width)
    for index in (0, 2, 5):
        slider(page).fill(str(index))
        assert overflow(page) <= 0


MEETING = """() => {
  const boxes = [...document.querySelectorAll('.ticks text')].filter(each => each.checkVisibility())
    .map(each => [each.textContent, each.getBoundingClientRect()]).sort((one, other) => one[1].left - other[1].left);
  return boxes.slice(1).filter(([, box], at) => box.left < boxes[at][1].right - 0.5)
    .map(([text, box]) => [text, Math.round(box.left)]);
}"""


@pytest.mark.parametrize("width", [320, 390, 760, 900, 1240, 1440])
@pytest.mark.parametrize("path", ["/examples/data", f"/?code={pack(LOOP)}", f"/?code={pack(TRAINING)}"])
def test_no_words_of_the_timeline_lie_over_others(visit: OpenPage, path: str, width: int) -> None:
    assert visit(path, width=width).evaluate(MEETING) == []


def test_scrubbing_keeps_up_with_the_hand(visit: OpenPage) -> None:
    page = visit("/examples/data")
    ms = page.evaluate(
        """() => {
          const slider = document.querySelector('#moments');
          const took = [];
          for (let step = 0; step < 60; step += 1) {
            const begun = performance.now();
            slider.value = (step * 3) % 10;
            slider.dispatchEvent(new Event('input', {bubbles: true}));
            document.body.offsetHeight;
            took.push(performance.now() - begun);
          }
          return took.sort((a, b) => a - b)[30];
        }"""
    )
    assert ms < 16
