"""`/compare`: both sides are run, told apart, and stood at one column; what one side refuses the other still shows."""

import pytest
from bs4 import Tag
from fastapi.testclient import TestClient

from app.lessons.catalog import catalog
from app.web.address import compare_address
from tests.web.conftest import PARTIAL, soup

DATA, DETACH = catalog()["data"].source, catalog()["detach"].source


def there(page: Tag, what: str) -> list[str]:
    return [" ".join(found.text.split()) for found in page.select(what)]


def test_it_opens_with_data_against_detach(client: TestClient) -> None:
    page = soup(client.get("/compare"))
    assert [area.text.removeprefix("\n") for area in page.select("textarea")] == [DATA, DETACH]
    assert there(page, ".verdict h2") == ["The runs part at line 4. Show it"]
    assert there(page, ".verdict li") == [
        "On the left c has a version counter of its own; on the right it shares the one of out."
    ]
    assert there(page, ".verdict p") == [
        "Line 4 differs. The left finished: a.grad is 0, 0, 0. The right raised RuntimeError on line 6."
    ]
    assert there(page, ".grads tbody tr > *") == ["a.grad", "0, 0, 0", "None", "differs"]
    assert [line["id"] for line in page.select("[data-differs]")] == ["left-L4", "right-L4"]
    assert there(page, "[data-differs] .words") == ["differs", "differs"]


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ("a = 1\nb = 2", "a = 1\nc = 3\nb = 2", "What differs: on the left no line, on the right line 2. "),
        ("a = 1\nb = 2", "a = 3\nb = 4", "Lines 1 and 2 differ. "),
        ("a = 1", "a = 1", ""),
        ("\n".join(f"a{n} = 1" for n in range(10)), "\n".join(f"a{n} = 2" for n in range(10)), "and 2 more differ. "),
    ],
)
def test_lines_that_differ_are_named(client: TestClient, left: str, right: str, said: str) -> None:
    (words,) = there(soup(client.get(compare_address(left, right))), ".verdict p")
    before, _, _ = words.partition("The left finished")
    assert before.endswith(said) if said else before == ""


def test_ids_are_unique_and_each_part_names_its_side(client: TestClient) -> None:
    page = soup(client.get("/compare"))
    ids = [str(element["id"]) for element in page.select("[id]")]
    assert len(ids) == len(set(ids))
    for figure in page.select("#compared svg.figure:not(.legend-mark)"):
        assert figure.find_parent(attrs={"data-side": True}) is not None


def test_a_link_stands_at_its_column(client: TestClient) -> None:
    page = soup(client.get("/compare?moment=4"))
    assert there(page, "#where") == ["Column 4 of 10, where they part"]
    now = [line["id"] for line in page.select(".lines > li") if there(line, ".standing") == ["now"]]
    assert now == ["left-L4", "right-L4"]
    (slider,) = page.select("#moments")
    assert (slider["value"], slider["data-parting"]) == ("3", "3")
    assert str(page.select("#earlier")[0]["href"]).endswith("moment=3")
    assert there(soup(client.get("/compare?moment=99")), "#where") == ["Column 10 of 10, after they parted"]
    assert there(soup(client.get("/compare?moment=x")), "#where") == ["Column 10 of 10, after they parted"]


def test_the_address_carries_both(client: TestClient) -> None:
    left, right = "import torch\na = torch.ones(2)", "import torch\na = torch.zeros(2)"
    page = soup(client.get(compare_address(left, right)))
    assert [area.text.removeprefix("\n") for area in page.select("textarea")] == [left, right]
    assert there(page, ".verdict li") == ["a holds 1, 1 on the left and 0, 0 on the right."]


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        (DATA, "x = (", "SyntaxError at line 1"),
        ("", DETACH, "Nothing to run."),
        (DATA, "#" * 30_000, "That snippet is too large."),
        (DATA, "import torch\nwhile True: pass", "Stopped after"),
    ],
)
def test_each_side_says_its_own(client: TestClient, left: str, right: str, said: str) -> None:
    response = client.post("/compare", data={"left": left, "right": right})
    assert response.status_code == 200
    page = soup(response)
    assert any(said in text for text in there(page, ".outcome"))
    assert page.select(".pictured svg")  # the other side is shown
    assert [area.text.removeprefix("\n") for area in page.select("textarea")] == [left, right]


def test_htmx_gets_what_was_compared_alone(client: TestClient) -> None:
    response = client.post("/compare", data={"left": DATA, "right": DATA}, headers=PARTIAL)
    page = soup(response)
    assert not page.select("textarea, header")
    assert there(page, ".verdict h2") == ["Both sides have the same snippet, and their runs are the same."]


def test_two_damaged_links_are_said(client: TestClient) -> None:
    response = client.get("/compare?left=xx&right=yy")
    assert response.status_code == 422
    assert there(soup(response), ".outcome h2") == ["Left: This link is damaged.", "Right: This link is damaged."]


def test_both_sides_are_drawn_for_the_room_that_is_told(client: TestClient) -> None:
    both = {"left": DATA, "right": DETACH}
    for told, figures, bounds in (("", 14, None), ("650.5", 4, "640.0"), ("358", 4, "340.0")):
        page = soup(client.post("/compare", data={**both, "width": told}, headers=PARTIAL))
        assert len(page.select("svg.figure:not(.legend-mark)")) == figures
        assert [half.get("data-above-px") for half in page.select(".pictured")] == [bounds] * 4
