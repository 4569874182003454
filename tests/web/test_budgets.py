"""How much a first visit may weigh, compressed (UI.md, section 10)."""

import gzip

import pytest
from fastapi.testclient import TestClient

from tests.web.conftest import soup

KB = 1_000


def packed(content: bytes) -> int:
    return len(gzip.compress(content))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/examples/detach",
        "/examples/two-networks",
        "/examples/two-networks-in-place",
        "/examples/frozen-network",
        "/examples/frozen-network-no-grad",
    ],
)
def test_weight_of_a_first_visit(client: TestClient, path: str) -> None:
    response = client.get(path)
    page = soup(response)

    def weight(selector: str, attribute: str) -> int:
        return sum(packed(client.get(str(tag[attribute])).content) for tag in page.select(selector))

    assert packed(response.content) <= 60 * KB
    assert weight('link[rel="stylesheet"]', "href") <= 12 * KB
    assert weight('link[rel="preload"]', "href") <= 51 * KB
    assert weight("script[src]", "src") <= 20 * KB  # htmx and our own, before the editor


def test_weight_of_the_editor(client: TestClient) -> None:
    from app.web.assets import assets

    names = ["vendor/codemirror/codemirror.js", "js/editor.js", "js/lines.js"]
    assert sum(packed(client.get(assets().url(name)).content) for name in names) <= 135 * KB
