"""A real server in a process of its own, and Chromium. Run apart from the other tests: `pytest tests/browser`.

Every page that a test opens is watched: a message on the console, a violation of the content security policy,
a request to another host or an exception in a script fails the test that caused it.
"""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.serving import serve

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DEADLINE_S = 2.5

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests; its deadline is short, so that those who wait for it do not wait long."""
    with serve(tmp_path_factory.mktemp("server") / "log", deadline_s=DEADLINE_S) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
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


@pytest.fixture
def watch(server_url: str) -> Iterator[Watch]:
    """Fails the test for whatever went wrong unseen."""
    watching = Watch(server_url)
    yield watching
    assert watching.wrong == []


@pytest.fixture
def open_page(browser: Browser, server_url: str, watch: Watch) -> Iterator[OpenPage]:
    """Opens pages: `open_page("/", width=390, java_script_enabled=False)`."""
    contexts = []

    def opened(
        path: str = "/", *, width: int = 1440, height: int = 900, url: str | None = None, **options: object
    ) -> Page:
        context = browser.new_context(
            base_url=url or server_url,
            viewport={"width": width, "height": height},
            **options,  # type: ignore[arg-type]  # the browser's own options
        )
        context.set_default_timeout(10_000)
        watch.over(context)
        contexts.append(context)
        page = context.new_page()
        page.goto(path)
        if options.get("java_script_enabled", True) and page.locator("#mount").count():
            page.locator("#mount .cm-content").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
