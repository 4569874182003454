"""A real server in a process of its own, and Chromium. Run apart from the other tests: `pytest tests/browser`.

Every page that a test opens is watched: a message on the console, a violation of the content security policy,
a request to another host or an exception in a script fails the test that caused it.
"""

from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from tests.chromium import launch
from tests.serving import serve

DEADLINE_S = 2.5

OpenPage = Callable[..., Page]
Scheme = Literal["light", "dark"]


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests; its deadline is short, so that those who wait for it do not wait long."""
    with serve(tmp_path_factory.mktemp("server") / "log", deadline_s=DEADLINE_S) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


class Watch:
    """What went wrong on the pages of one test. `expected` are parts of console messages that are not wrong."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.wrong: list[str] = []
        self.expected: list[str] = []

    def over(self, context: BrowserContext) -> None:
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation', event => {"
            "  console.error('CSP', event.violatedDirective, event.blockedURI); });"
        )
        context.on(
            "console", lambda message: self._note(message.text) if message.type in ("error", "warning") else None
        )
        context.on("weberror", lambda error: self._note(str(error.error)))
        context.on(
            "request", lambda request: None if self._ours(request.url) else self._note(f"request to {request.url}")
        )

    def _ours(self, address: str) -> bool:
        return address.startswith((self.host, "data:", "blob:"))

    def _note(self, message: str) -> None:
        if not any(part in message for part in self.expected):
            self.wrong.append(message)


@pytest.fixture(scope="session")
def watching(server_url: str) -> Watch:
    """The watch over every page: tabs outlive a test."""
    return Watch(server_url)


@pytest.fixture
def watch(watching: Watch) -> Iterator[Watch]:
    """Fails the test for whatever went wrong unseen."""
    watching.wrong.clear()
    watching.expected.clear()
    yield watching
    assert watching.wrong == []


def _context(
    browser: Browser, watch: Watch, base: str, width: int, height: int, options: dict[str, object]
) -> BrowserContext:
    context = browser.new_context(
        base_url=base,
        viewport={"width": width, "height": height},
        **options,  # type: ignore[arg-type]  # the browser's own options
    )
    context.set_default_timeout(10_000)
    watch.over(context)
    return context


def _go(page: Page, path: str, *, scripts: bool = True) -> Page:
    page.goto(path)
    if scripts and page.locator("#mount").count():
        page.locator("#mount .cm-content").wait_for()
    return page


@pytest.fixture
def open_page(browser: Browser, server_url: str, watch: Watch) -> Iterator[OpenPage]:
    """Opens pages, each as a browser's first: `open_page("/", width=390, java_script_enabled=False)`."""
    contexts = []

    def opened(
        path: str = "/", *, width: int = 1440, height: int = 900, url: str | None = None, **options: object
    ) -> Page:
        context = _context(browser, watch, url or server_url, width, height, options)
        contexts.append(context)
        return _go(context.new_page(), path, scripts=bool(options.get("java_script_enabled", True)))

    yield opened
    for context in contexts:
        context.close()


class Tab:
    """A page that goes from address to address, so that a visit costs a quarter of a browser's first."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.page: Page = context.new_page()
        self._origin = origin
        self._devtools: CDPSession = context.new_cdp_session(self.page)

    def clear(self) -> None:
        """Leave the page, and what it stored."""
        self.page.goto("about:blank")
        self._devtools.send("Storage.clearDataForOrigin", {"origin": self._origin, "storageTypes": "local_storage"})


Tabs = dict[tuple[tuple[str, object], ...], Tab]  # by the options of their contexts


@pytest.fixture(scope="session")
def tabs(browser: Browser) -> Tabs:
    """Those of all tests; the browser closes them."""
    return {}


@pytest.fixture
def visit(browser: Browser, server_url: str, watch: Watch, tabs: Tabs) -> Iterator[OpenPage]:
    """Opens pages as `open_page` does, in a tab where others were before.

    It is for tests that leave nothing in it but what a page stores: no clock, no route, no page kept for later.
    """
    used = []

    def visited(
        path: str = "/", *, width: int = 1440, height: int = 900, color_scheme: Scheme = "light", **options: object
    ) -> Page:
        key = tuple(sorted(options.items()))
        if key not in tabs:
            tabs[key] = Tab(_context(browser, watch, server_url, width, height, options), server_url)
        tab = tabs[key]
        used.append(tab)
        tab.page.set_viewport_size({"width": width, "height": height})
        tab.page.emulate_media(color_scheme=color_scheme)
        return _go(tab.page, path)

    yield visited
    for tab in used:
        tab.clear()
