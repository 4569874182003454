"""The figures are drawn for the column that the page has room for; where that becomes another one, the others come."""

import re
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import OpenPage, Watch
from tests.browser.test_access import overflow
from tests.browser.test_bench import run, write
from tests.browser.test_moments import slider, stands_at

SOURCE = "import torch\nx = torch.ones(2, requires_grad=True)\ny = x.exp()\ny.sum().backward()\nprint(x.grad)\n"
OTHER = f"{SOURCE}print('another')\n"


def figures(page: Page) -> Locator:
    return page.locator("#pictures svg.figure:not(.legend-mark)")


def told(posts: list[str]) -> list[str | None]:
    """The width that each press told."""
    return [next(iter(parse_qs(body).get("width", [])), None) for body in posts]


def pressed(page: Page, source: str) -> list[str]:
    """Run `source`; what was posted, filled as more is."""
    posts: list[str] = []
    page.on(
        "request", lambda request: posts.append(request.post_data or "") if request.url.endswith("/traces") else None
    )
    write(page, source)
    run(page)
    expect(page.locator("#printed .ending")).to_contain_text("Finished")
    expect(figures(page)).to_have_count(2)
    return posts


@pytest.mark.parametrize(
    ("width", "kind"), [(1440, "figure wide"), (760, "figure medium"), (390, "figure narrow"), (330, "narrow slim")]
)
def test_a_run_brings_the_drawings_of_one_width_and_they_are_seen(open_page: OpenPage, width: int, kind: str) -> None:
    page = open_page("/", width=width)
    expect(figures(page)).to_have_count(7)
    posts = pressed(page, SOURCE)
    assert len(told(posts)) == 1
    assert told(posts)[0]
    for figure in figures(page).all():
        expect(figure).to_be_visible()
    expect(figures(page).first).to_have_class(re.compile(kind))
    assert overflow(page) == 0
    stands_at(page, int(slider(page).get_attribute("max") or 0) + 1)
    slider(page).fill("1")
    stands_at(page, 2)


def test_a_column_that_becomes_another_one_gets_its_drawings_at_the_same_moment(open_page: OpenPage) -> None:
    page = open_page("/")
    posts = pressed(page, SOURCE)
    write(page, OTHER)  # what is shown is of the run before
    expect(page.locator(".stale")).to_be_visible()
    slider(page).fill("2")  # the address does not say so yet
    page.set_viewport_size({"width": 390, "height": 844})
    expect(figures(page)).to_have_count(7)
    expect(page.locator("#pictures svg.figure.narrow:not(.slim)").first).to_be_visible()
    expect(page.locator("#pictures svg.figure.wide").first).to_be_hidden()
    stands_at(page, 3)
    expect(page.locator(".stale")).to_be_visible()
    assert "another" not in page.locator("#printed").inner_text()
    assert overflow(page) == 0
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(page.locator("#pictures svg.figure.wide").first).to_be_visible()
    run(page)
    expect(page.locator("#printed .stdout")).to_contain_text("another")
    expect(figures(page)).to_have_count(7)  # who turns it once may turn it again
    assert told(posts)[1:] == [None]


def test_where_no_others_can_be_had_those_that_are_there_stay_large_enough_to_be_read(
    open_page: OpenPage, watch: Watch
) -> None:
    watch.expected += ["net::ERR_FAILED", "Failed to fetch", "503"]
    page = open_page("/")
    pressed(page, SOURCE)
    refused = 0

    def refuse(route: Route) -> None:
        nonlocal refused
        refused += 1
        if refused == 1:
            route.abort()
        else:
            route.fulfill(status=503, body="<p>Not now.</p>")

    page.route("**/?code=*", refuse)
    for width in (390, 400):
        with page.expect_request("**/?code=*"):
            page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_timeout(300)
        expect(figures(page)).to_have_count(2)
        expect(figures(page).first).to_be_visible()
        assert figures(page).first.evaluate("figure => figure.getBoundingClientRect().width") >= 800
        assert overflow(page) == 0
        expect(page.locator("#notices .notice")).to_have_count(0)
        page.set_viewport_size({"width": 1440, "height": 900})
        expect(page.locator("#pictures.misfit")).to_have_count(0)


def test_drawings_that_come_after_another_press_are_left_out(open_page: OpenPage) -> None:
    page = open_page("/")
    pressed(page, SOURCE)
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/?code=*", hold)
    with page.expect_request("**/?code=*"):
        page.set_viewport_size({"width": 390, "height": 844})
    write(page, OTHER)
    run(page)
    expect(page.locator("#printed .stdout")).to_contain_text("another")
    for route in waiting:
        with page.expect_response("**/?code=*"):
            route.continue_()
    page.wait_for_timeout(300)
    expect(page.locator("#printed .stdout")).to_contain_text("another")
    expect(page.locator(".stale")).to_have_count(0)


def test_without_scripts_every_width_is_there(open_page: OpenPage) -> None:
    page = open_page("/", java_script_enabled=False)
    page.locator("#source").fill(SOURCE)
    page.locator("#press-run").click()
    expect(figures(page)).to_have_count(7)
    expect(page.locator("#pictures svg.figure.wide").first).to_be_visible()
