"""Every state that is not a clean run."""

import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.machine import cores
from tests.browser.conftest import DEADLINE_S, OpenPage, Watch
from tests.browser.test_bench import run, write
from tests.serving import serve

SLOW = "while True:\n    pass"


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("import torch\nx = (", 2, "Nothing ran."),
        ("import torch\nx = torch.ones(2)\nraise ValueError('this is why')", 3, "ValueError: this is why"),
        ("import torch\nx = torch.ones(3, requires_grad=True)\nx.add_(1)", 3, "a leaf Variable that requires grad"),
    ],
)
def test_an_exception_is_whole_and_its_line_is_marked(open_page: OpenPage, source: str, line: int, words: str) -> None:
    page = open_page("/")
    write(page, source)
    run(page)
    expect(page.get_by_role("region", name="Output")).to_contain_text(words)
    marked = page.locator('#mount .cm-line[data-mark="raised"]')
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text(source.splitlines()[line - 1])
    expect(page.locator("#mount .marks svg").last).to_be_visible()


def test_nothing_to_run(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append("422")
    page = open_page("/")
    write(page, "  ")
    run(page)
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("Nothing to run.")
    expect(notice.get_by_role("link")).to_have_count(3)
    expect(page.get_by_role("region", name="Printed")).to_contain_text("tensor([0., 0., 0.])")  # the old result stays
    write(page, "x = 1")
    expect(notice).to_have_count(0)


def test_too_large_a_snippet_cannot_be_run_until_it_fits(open_page: OpenPage) -> None:
    page = open_page("/")
    button = page.get_by_role("button", name="Run")
    write(page, "#" * 20_001)
    expect(page.get_by_role("alert")).to_contain_text("20,001 bytes")
    expect(button).to_have_attribute("aria-disabled", "true")
    posts = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    button.click(force=True)
    page.keyboard.press("Control+Enter")
    write(page, "print('fits')")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert posts == []
    run(page)
    expect(page.get_by_role("region", name="Printed")).to_contain_text("fits")


def test_a_run_that_takes_long_says_so_and_is_stopped(open_page: OpenPage) -> None:
    page = open_page("/")
    posts = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    write(page, SLOW)
    button = page.get_by_role("button", name="Run")
    button.click()
    expect(button).to_have_attribute("aria-disabled", "true")
    for _ in range(3):
        page.keyboard.press("Control+Enter")
        button.click(force=True)
    expect(page.get_by_text(f"Still running. It is stopped at {DEADLINE_S:g} s.")).to_be_visible()
    expect(page.get_by_role("region", name="Printed")).to_contain_text("tensor([0., 0., 0.])")  # the old result stays
    expect(page.get_by_role("region", name="Output")).to_contain_text(f"Stopped after {DEADLINE_S:g} s")
    expect(page.get_by_text("Still running.")).to_have_count(0)
    expect(button).not_to_have_attribute("aria-disabled", "true")
    assert len(posts) == 1


def test_a_run_can_be_cancelled(open_page: OpenPage) -> None:
    page = open_page("/")
    write(page, SLOW)
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Run")).to_be_focused()
    expect(page.get_by_text("Still running.")).to_have_count(0)
    expect(page.get_by_role("region", name="Printed")).to_contain_text("tensor([0., 0., 0.])")
    write(page, "print('after')")
    run(page)
    expect(page.get_by_role("region", name="Printed")).to_contain_text("after")


def test_no_answer_from_the_server(open_page: OpenPage, watch: Watch) -> None:
    watch.expected += ["ERR_INTERNET_DISCONNECTED", "Failed to fetch", "TypeError"]
    page = open_page("/")
    write(page, "print('kept')")
    page.context.set_offline(True)
    page.get_by_role("button", name="Run").click()
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("No answer from the server.")
    page.context.set_offline(False)
    notice.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("region", name="Printed")).to_contain_text("kept")
    expect(notice).to_have_count(0)


def occupied(url: str, source: str) -> threading.Thread:
    """Somebody else's run of `source`; join it."""
    body = json.dumps({"source": source}).encode()
    request = urllib.request.Request(  # noqa: S310  # our own server
        f"{url}/api/v1/traces", data=body, headers={"Content-Type": "application/json"}
    )
    other = threading.Thread(target=lambda: urllib.request.urlopen(request).read())  # noqa: S310  # to a server of ours
    other.start()
    return other


def test_who_waits_sees_the_place_in_the_queue(open_page: OpenPage, server_url: str) -> None:
    page = open_page("/")
    write(page, "print('my turn')")
    # A whole round before ours: as many as run at once, and as many again.
    others = [occupied(server_url, f"{SLOW}  # {number}") for number in range(2 * cores())]
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#progress")).to_contain_text(re.compile("before yours: about|Yours is next"), timeout=10_000)
    expect(page.get_by_role("region", name="Printed")).to_contain_text("my turn", timeout=20_000)
    expect(page.locator("#progress")).to_be_empty()
    for other in others:
        other.join()


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that runs one snippet at a time and lets none wait."""
    log: Path = tmp_path_factory.mktemp("small") / "log"
    with serve(log, deadline_s=DEADLINE_S, running=1, queue=0, idle=1) as url:
        yield url


def test_a_full_queue_counts_down_and_tries_again(open_page: OpenPage, watch: Watch, small_server: str) -> None:
    watch.host = small_server
    watch.expected.append("429")
    page = open_page("/", url=small_server)
    write(page, "print('at last')")
    other = occupied(small_server, SLOW)
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Run").click()
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("Many runs right now.")
    expect(notice).to_contain_text("Trying again in")
    expect(page.get_by_role("region", name="Printed")).to_contain_text("at last", timeout=20_000)
    expect(notice).to_have_count(0)
    other.join()
