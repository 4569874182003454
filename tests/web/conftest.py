"""One running application for all tests of the web room, with the real sandbox behind it."""

import re
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup
from fastapi.testclient import TestClient
from httpx2 import Response

from app.main import create_app
from app.settings import Settings

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
PAGES = [
    "/",
    "/examples/data",
    "/examples/detach",
    "/examples/two-networks",
    "/examples/two-networks-in-place",
    "/examples/frozen-network",
    "/examples/frozen-network-no-grad",
    "/about/sandbox",
    "/api/docs",
    "/nowhere",
]


@pytest.fixture(scope="session")
def client() -> Iterator[TestClient]:
    """The application as it is served, with a deadline that a test can wait for.

    Only its own faults come back as pages instead of exceptions.
    """
    with TestClient(create_app(Settings(idle_most=8, deadline_s=2.5)), raise_server_exceptions=False) as running:
        yield running


def soup(response: Response) -> BeautifulSoup:
    """The markup of a response; a fragment's parts are unwrapped from the tag that htmx reads them by."""
    return BeautifulSoup(re.sub(r"</?hx-partial[^>]*>", "", response.text), "html.parser")


def source_in(response: Response) -> str:
    """What a browser would have in the editor: without the one newline that its parser drops."""
    found = soup(response).find("textarea")
    assert found is not None
    return found.text.removeprefix("\n")
