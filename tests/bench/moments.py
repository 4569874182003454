"""What travelling through a run costs: the answer's time and size, and in Chromium each step of the slider.

Frames are those that Chromium's own trace says it drew while the slider was moved once a frame.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from app.lessons.catalog import catalog
from app.web.address import pack
from tests.bench.figures import Figure, Heading, Target, below, spread
from tests.bench.server import HOST, Server
from tests.bench.training import ITERATIONS, LOOP, SGD, SGD_STEPS, TRANSFORMER
from tests.chromium import launch

ROUNDS = 5  # POSTs of each
PAGE_BYTES = 1_000_000  # of a long run, uncompressed
STEP_MS = 8.0  # UI.md, section 4
_CATEGORIES = ["devtools.timeline.frame", "disabled-by-default-devtools.timeline", "devtools.timeline"]
_DRAWN = "AnimationFrame::Presentation"  # the event of a frame that reached the screen

# One stop a frame, to the start and back: how long each took the script, its styles and its layout.
_SCRUB = """async () => {
  const slider = document.querySelector("#moments");
  const last = Number(slider.max);
  const stops = [...Array(last).keys()].reverse().concat([...Array(last).keys()].map((at) => at + 1));
  const steps = [];
  const begun = performance.now();
  for (const stop of stops.slice(0, 400)) {
    await new Promise(requestAnimationFrame);
    const before = performance.now();
    slider.value = stop;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    document.body.offsetHeight;
    steps.push(performance.now() - before);
  }
  return { steps, seconds: (performance.now() - begun) / 1000, stops: last + 1 };
}"""


def measure(server: Server) -> Iterator[Figure | Heading]:
    """The first snippets, 300 training steps, 2,000 iterations, one transformer block."""
    yield Heading(
        "(e) Travelling through a run: ms of the POST, kB of the page, ms of one step of the slider, frames a second"
    )
    sources = {lesson.slug: lesson.source for lesson in catalog().listed}
    sources |= {f"MLP, {SGD_STEPS} steps": SGD, f"{ITERATIONS:,} iterations": LOOP, "transformer block": TRANSFORMER}
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name, source in sources.items():
            yield from _of(server, browser, name, source)
        browser.close()


def _of(server: Server, browser: Browser, name: str, source: str) -> Iterator[Figure]:
    client = server.client()
    posts = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        body = client.whole_page(source, accept="identity")
        posts.append(1e3 * (time.perf_counter() - begun))
    squeezed = len(client.whole_page(source))
    client.close()
    yield Figure(name=f"{name}: answer, ms", value=f"{spread(posts)}")
    yield Figure(
        name=f"{name}: page, kB plain, gzip",
        value=f"{len(body) / 1e3:.0f}, {squeezed / 1e3:.0f}",
        target=below(len(body) / 1e3, PAGE_BYTES / 1e3),
    )
    page = browser.new_page(viewport={"width": 1440, "height": 900}, bypass_csp=True)  # what measures is ours
    page.goto(f"http://{HOST}:{server.port}/?code={pack(source)}")
    page.wait_for_function("document.querySelector('#mount')?.shadowRoot")  # the editor, too, follows the moment
    found, drawn = _scrubbed(browser, page)
    page.close()
    steps = spread(found["steps"])
    yield Figure(
        name=f"{name}: a step of {found['stops']}, ms",
        value=f"{steps}",
        target=Target(f"< {STEP_MS:g}", steps.p50 < STEP_MS),
    )
    yield Figure(name=f"{name}: frames a second", value=f"{drawn / found['seconds']:.0f}")


def _scrubbed(browser: Browser, page: Page) -> tuple[dict[str, Any], int]:
    """What the page measured, and how many frames Chromium drew meanwhile."""
    browser.start_tracing(page=page, categories=_CATEGORIES)
    found: dict[str, Any] = page.evaluate(_SCRUB)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    return found, sum(event.get("name") == _DRAWN for event in events)
