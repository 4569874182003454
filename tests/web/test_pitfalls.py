"""The pitfalls' pages: a list of all, and for each its example on the bench, found by its own rule."""

import pytest
from fastapi.testclient import TestClient

from app.explain.pitfalls import Pitfall, by_rule, chapters
from tests.web.conftest import soup, source_in

PITFALLS = tuple(by_rule().values())


def test_the_list_has_every_pitfall_by_kind(client: TestClient) -> None:
    page = soup(client.get("/pitfalls"))
    assert [link["href"] for link in page.select(".pitfalls li > a")] == [pitfall.path for pitfall in PITFALLS]
    assert [head.text for head in page.select(".pitfalls h2")] == [chapter.title for chapter in chapters()]


@pytest.mark.parametrize("pitfall", PITFALLS, ids=[pitfall.rule for pitfall in PITFALLS])
def test_a_pitfall_shows_itself(client: TestClient, pitfall: Pitfall) -> None:
    response = client.get(pitfall.path)
    page = soup(response)
    assert source_in(response) == pitfall.example
    found = page.select_one(".diagnosis")
    assert found is not None
    assert found["data-rule"] == pitfall.rule
    assert [head.text for head in page.select(".pitfall h2")] == ["Why", "How to see it below", "What to write instead"]
    assert all(section.text.strip() for section in page.select(".pitfall p"))


def test_no_other_pitfall(client: TestClient) -> None:
    assert client.get("/pitfalls/no-such-thing").status_code == 404


def test_a_finding_points_at_a_moment_and_at_things(client: TestClient) -> None:
    page = soup(client.get("/pitfalls/graph-cut"))
    points = page.select_one("#finding-1 .points")
    assert points is not None
    moment, *things = points.select("a")
    assert moment["data-moment"] == "5"
    assert moment["href"] == "/pitfalls/graph-cut?moment=5"
    for thing in things:
        assert page.select(f'svg [data-ref="{thing["data-ref"]}"]'), thing.text
    line = page.select_one("#L6")
    assert line is not None
    assert (line["data-found"], line["data-finding"]) == ("warning", "1")


def test_an_example_run_again_keeps_its_page(client: TestClient) -> None:
    pitfall = by_rule()["graph-cut"]
    page = soup(client.post("/traces", data={"source": pitfall.example}))
    assert page.select_one(f'h1[data-path="{pitfall.path}"]') is not None
    changed = soup(client.post("/traces", data={"source": f"{pitfall.example}\nprint(1)"}))
    assert changed.select_one("h1[data-path]") is None
