"""The pages that one reads: what is on them, and what must never be."""

import re

import pytest
from bs4 import Tag
from fastapi.testclient import TestClient

from app.lessons.catalog import catalog
from app.sandbox.layers import Layer
from app.sandbox.run import Sandbox
from tests.web.conftest import PAGES, soup, source_in


@pytest.mark.parametrize(
    ("path", "title", "words"),
    [
        ("/", "What .data hides from autograd", ["tensor([0., 0., 0.])", "0.1966", "0.1050", "0.0452"]),
        ("/examples/data", "What .data hides from autograd", ["tensor([0., 0., 0.])"]),
        ("/examples/detach", "The same write, seen through .detach()", ["is at version 1; expected version 0 instead"]),
        (
            "/examples/two-networks",
            "Train B, leave A alone",
            ["A: None", "B: tensor", "on line 8 by detach"],
        ),
        ("/examples/two-networks-in-place", "Train B, leave A alone, in place", ["A: None", "B: tensor"]),
        (
            "/examples/frozen-network",
            "Freeze B, train A through it",
            ["A: tensor", "B: None", "requires_grad is False"],
        ),
    ],
)
def test_an_example_is_already_run(client: TestClient, path: str, title: str, words: list[str]) -> None:
    response = client.get(path)
    page = soup(response)
    assert response.status_code == 200
    assert page.h1 is not None
    assert page.h1.text == title
    text = re.sub(r"\s+", " ", page.select_one("main").text)  # type: ignore[union-attr]  # None fails the test
    for word in words:
        assert word in text
    slug = path.removeprefix("/examples/").strip("/") or "data"
    assert source_in(response) == catalog()[slug].source


def test_the_header_lists_examples_and_the_one_that_is_open_says_so(client: TestClient) -> None:
    page = soup(client.get("/examples/detach"))
    links = page.select("nav.examples .row a")
    assert [link["href"] for link in links] == [
        "/examples/data",
        "/examples/detach",
        "/examples/two-networks",
        "/examples/frozen-network",
        "/compare",
        "/pitfalls",
        "/api/docs",
    ]
    assert [link["href"] for link in links if link.get("aria-current") == "page"] == ["/examples/detach"]


def test_variants_of_the_telling_line_are_one_press_away(client: TestClient) -> None:
    segments = soup(client.get("/")).select("#variants li a")
    assert [(link.text, link["href"], link.get("aria-current")) for link in segments] == [
        ("out.data", "/examples/data", "true"),
        ("out.detach()", "/examples/detach", None),
    ]


def test_links_of_a_page_lead_somewhere(client: TestClient) -> None:
    page = soup(client.get("/"))
    inside = {str(link["href"]) for link in page.select("a[href^='/']")}
    assert inside >= {"/", "/api/docs", "/about/sandbox"}
    assert {path: client.get(path).status_code for path in inside} == dict.fromkeys(inside, 200)
    for link in page.select("a[href^='#']"):
        assert page.find(id=str(link["href"])[1:]), link


@pytest.mark.parametrize("path", PAGES)
def test_nothing_comes_from_elsewhere_and_nothing_is_inline(client: TestClient, path: str) -> None:
    page = soup(client.get(path))
    loads = [
        tag.get(name)
        for tag in page.find_all(True)
        for name in ("src", "srcset", "action", "data", "poster", "xlink:href")
    ]
    loads += [tag.get("href") for tag in page.find_all(["link", "use", "image", "base"])]
    assert all(
        str(address).startswith(("/", "#")) and not str(address).startswith("//") for address in loads if address
    )
    assert all(script.get("src") or script["type"] == "application/json" for script in page.find_all("script"))
    assert not page.find_all("style")
    for tag in page.find_all(True):
        assert isinstance(tag, Tag)
        assert not [name for name in tag.attrs if name == "style" or name.startswith(("on", "hx-on"))], tag


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_a_title_one_heading_a_language_and_unique_ids(client: TestClient, path: str) -> None:
    page = soup(client.get(path))
    assert page.title is not None
    assert page.title.text.endswith("· Tapescope")
    assert page.html is not None
    assert page.html["lang"] == "en"
    assert len(page.find_all("h1")) == 1
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids)), sorted(each for each in ids if ids.count(each) > 1)


def test_layers_of_the_sandbox_are_on_a_page(client: TestClient) -> None:
    rows = soup(client.get("/about/sandbox")).select("tbody tr")
    layers = client.get("/healthz").json()["layers"]
    assert len(rows) == len(layers) > 0
    for row, layer in zip(rows, layers, strict=True):
        assert layer["name"] in row.text
        assert ("active" in row.text) is layer["active"]


@pytest.mark.parametrize(("active", "told"), [(True, "Every core layer holds here"), (False, "core layers is missing")])
def test_a_missing_layer_is_told_with_what_it_stops(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, active: bool, told: str
) -> None:
    fine = Layer(name="one", core=True, active=active, stops="this & that", missing_because=None if active else "<old>")
    extra = Layer(name="two", core=False, active=False, stops="more", missing_because="the host allows none")
    monkeypatch.setattr(Sandbox, "layers", (fine, extra))
    page = soup(client.get("/about/sandbox"))
    first, second = page.select("tbody tr")
    assert told in page.text
    assert ("one. Run only snippets that you trust" in page.text) is not active
    assert "this & that" in first.text
    assert ("Missing: <old>." in first.text) is not active
    assert "more" in second.text
    assert "Missing: the host allows none." in second.text


def test_an_unknown_page_says_where_to_go(client: TestClient) -> None:
    response = client.get("/examples/nothing")
    assert response.status_code == 404
    assert "There is no such page." in response.text
    assert client.delete("/").status_code == 405


def test_favicon(client: TestClient) -> None:
    response = client.get("/favicon.ico")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/svg+xml")
