"""A page at a moment, as the server renders it: everything that changes is as it was then."""

import re

import pytest
from bs4 import BeautifulSoup, Tag
from fastapi.testclient import TestClient

from app.web.address import pack
from tests.web.conftest import PARTIAL, soup

CALLS = """\
import torch
def f(v):
    y = v * 2
    return y.sum()
w = torch.ones(2, requires_grad=True)
print("before")
loss = f(w)
loss.backward()
print(w.grad)
raise ValueError("the end")
"""
LOOP = """\
import torch
w = torch.ones(3, requires_grad=True)
for i in range(400):
    loss = (w * w).sum()
    loss.backward()
"""


def at(client: TestClient, path: str, moment: object = "") -> BeautifulSoup:
    response = client.get(f"{path}{'&' if '?' in path else '?'}moment={moment}")
    assert response.status_code == 200
    return soup(response)


def one(page: BeautifulSoup | Tag, selector: str) -> Tag:
    found = page.select_one(selector)
    assert found is not None, selector
    return found


def there(page: BeautifulSoup, selector: str) -> list[str]:
    """The texts of what a reader sees there."""
    gone = ".ahead, .past, [hidden]"
    return [
        " ".join(tag.get_text(" ", strip=True).split())
        for tag in page.select(selector)
        if not tag.find_parent(class_=["ahead", "past"])
        and not tag.find_parent(hidden=True)
        and tag not in page.select(gone)
    ]


def moment_in(page: BeautifulSoup) -> int:
    stops = [int(str(each["data-moment"])) for each in page.select("#told li")]
    return stops[int(str(one(page, "#moments")["value"]))]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("", 10), ("1", 1), ("8", 8), ("10", 10), ("99", 10), ("0", 1), ("-5", 1), ("x", 10), ("²", 10)],
)
def test_a_moment_is_taken_to_the_nearest_that_there_is(client: TestClient, asked: str, shown: int) -> None:
    for path in ("/", "/examples/data"):
        assert moment_in(at(client, path, asked)) == shown


def test_the_slider_its_links_and_the_list_stand_at_the_moment(client: TestClient) -> None:
    page = at(client, "/examples/data", 8)
    slider = one(page, "#moments")
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "9", "7")
    where = "moment 8 of 10, line 6, backward through SigmoidBackward0. "
    assert str(slider["aria-valuetext"]).startswith(where)
    assert str(slider["aria-valuetext"]) == where + one(page, "#sentence").get_text()
    assert one(page, "#where").text == "Moment 8 of 10 · line 6, backward through SigmoidBackward0"
    assert [one(page, button)["href"] for button in ("#earlier", "#later")] == [
        "/examples/data?moment=7",
        "/examples/data?moment=9",
    ]
    items = page.select("#told li")
    assert [str(one(item, ".way")["href"]) for item in items] == [f"/examples/data?moment={m}" for m in range(1, 11)]
    assert [item["data-moment"] for item in page.select("#told li.now")] == ["8"]
    assert [link["data-moment"] for link in page.select(".ticks .tick:not(.ahead)")] == [str(m) for m in range(1, 9)]
    assert one(page, "#film")["data-stop"] == "7"


def test_at_either_end_there_is_nowhere_to_go(client: TestClient) -> None:
    first, last = at(client, "/", 1), at(client, "/")
    assert one(first, "#earlier").get("href") is None
    assert one(first, "#later")["href"] == "/?moment=2"
    assert one(last, "#later").get("href") is None


def test_the_line_of_the_moment_says_so(client: TestClient) -> None:
    page = at(client, "/examples/data", 5)
    assert [item["id"] for item in page.select("#lines li") if there(page, f"#{item['id']} .standing") == ["now"]] == [
        "L5"
    ]
    assert there(page, "#L5 .words") == ["write not seen by autograd"]
    assert there(at(client, "/examples/data", 4), "#L5 .words") == []
    assert there(page, "#L3 .values") == ["0.7311 0.8808 0.9526"]


def rows(page: BeautifulSoup) -> list[list[str]]:
    return [
        [cell.get_text(" ", strip=True) for cell in row.select("th, td")]
        for row in page.select("#variables tbody:not([hidden]) tr:not([hidden])")
    ]


def test_variables_are_those_of_the_moment(client: TestClient) -> None:
    path = "/examples/data"
    assert rows(at(client, path, 1)) == []
    assert rows(at(client, path, 3)) == [
        ["a", "1 2 3", "S0", "0", "leaf, requires grad"],
        ["out", "0.7311 0.8808 0.9526", "S1", "v1 = 0", "SigmoidBackward0"],
    ]
    assert rows(at(client, path))[1:] == [
        ["out", "0 0 0", "S1", "v1 = 0", "SigmoidBackward0"],
        ["c", "0 0 0", "S1", "v2 = 1", "no history"],
    ]
    heads = [one(at(client, path, moment), "#variables small").text for moment in (5, 8, 10)]
    assert heads == ["after line 5", "in backward on line 6", "when the run ended"]


def test_a_call_has_its_own_names_while_it_is_under_way(client: TestClient) -> None:
    path = f"/?code={pack(CALLS)}"
    moments = {str(item["data-line"]): str(item["data-moment"]) for item in at(client, path).select("#told li")}
    inside, after = at(client, path, moments["3"]), at(client, path, moments["9"])
    assert one(inside, "#variables .path").text == "top level, line 7 → f, line 3"
    assert [row[0] for row in rows(inside)] == ["top level", "w", "f", "v", "y"]
    assert one(after, "#variables .path").text == "top level, line 9"
    assert [row[0] for row in rows(after)] == ["top level", "w", "loss"]


def test_output_comes_as_it_was_printed(client: TestClient) -> None:
    path = f"/?code={pack(CALLS)}"
    moments = {str(item["data-line"]): str(item["data-moment"]) for item in at(client, path).select("#told li")}
    early, middle, late, end = (at(client, path, moments[line]) for line in ("5", "7", "9", "10"))
    assert there(early, ".stdout span") == []
    assert there(early, "#printed .rest") == ["Nothing is printed yet."]
    assert there(middle, ".stdout span") == ["before"]
    assert there(middle, "#printed .rest") == ["More is to come."]
    assert there(late, ".stdout span") == ["before", "tensor([2., 2.])"]
    for page in (early, middle, late):
        assert there(page, "#printed .error, #printed .ending") == []
    assert there(end, "#printed .error") == ["ValueError: the end"]
    assert there(end, "#printed .ending") == ["ValueError at line 10"]
    assert there(end, "#printed .until") == []


def test_gradients_fill(client: TestClient) -> None:
    path = "/examples/data"
    assert there(at(client, path, 8), "#gradients .instead") == ["None yet"]
    filled = at(client, path, 9)
    assert there(filled, "#gradients .got .number") == ["0", "0", "0"]
    assert there(filled, "#gradients .intact .number") == []  # the reference run is no moment of this one
    assert there(at(client, path), "#gradients .intact .number") == ["0.1966", "0.1050", "0.0452"]


def test_a_moment_inside_a_fold_opens_it(client: TestClient) -> None:
    path = f"/?code={pack(LOOP)}"
    folded = at(client, path)
    fold = one(folded, "#told li[data-first]")
    first, last = int(str(fold["data-first"])), int(str(fold["data-moment"]))
    assert re.fullmatch(
        rf"Moments {first:,}–{last:,} of [\d,]+ · passes \d+–\d+ of the loop on line 3, folded", one(fold, ".way").text
    )
    at_fold = at(client, path, last)  # where the slider stands at it: still folded
    assert moment_in(at_fold) == last
    assert "away" not in one(at_fold, "#fold-open")["class"]
    assert (one(at_fold, "#fold-moment")["min"], one(at_fold, "#fold-moment")["max"]) == (str(first), str(last))
    inside = (first + last) // 2
    opened = at(client, path, inside)
    assert moment_in(opened) == inside
    assert str(one(opened, "#earlier")["href"]).startswith(f"/?code={pack(LOOP)}&open=m{inside}&moment=")
    assert "away" in one(opened, "#fold-open")["class"]
    assert "moments lie inside of folds" in one(opened, "#told").get_text()
    both = at(client, f"{path}&open=m{inside}&open=m{first}", first)  # as links of figures add to an address
    assert str(one(both, "#later")["href"]).startswith(
        f"{path}&open={','.join(sorted([f'm{first}', f'm{inside}']))}&moment="
    )


def test_a_press_of_run_says_where_it_can_be_seen_again(client: TestClient) -> None:
    source = "import torch\nx = torch.ones(2)"
    response = client.post("/traces", data={"source": source}, headers=PARTIAL)
    assert one(soup(response), "#printed")["data-address"] == f"/?code={pack(source)}&"
    assert soup(response).select_one("#film") is not None


def test_the_film_cannot_end_its_element(client: TestClient) -> None:
    source = "x = '</script><script>alert(1)</script>'\ny = 1"
    response = client.get(f"/?code={pack(source)}")
    film = response.text.split('id="film"')[1].split("</script>")[0]
    assert "\\u003c/script" in film
    assert len(soup(response).select("script:not([src])")) == 1


def test_a_long_snippet_is_not_said_in_every_link(client: TestClient) -> None:
    numbers = [pow(7, at, 1_000_003) for at in range(2_300)]
    source = f"numbers = {numbers}\n" + "\n".join(f"n{at} = {at}" for at in range(60))
    assert len(source.encode()) < 20_000
    page = at(client, f"/?code={pack(source)}", 5)
    assert len(str(page)) < 500_000
    assert moment_in(page) == 5
    assert not page.select("#told li a.way")
    buttons = page.select("#told li button.way[form=at][name=moment]")
    assert [button["value"] for button in buttons] == [str(moment) for moment in range(1, 62)]
    assert one(page, "#at input[name=code]")["value"] == pack(source)
    assert one(page, "#later")["href"] == f"/?code={pack(source)}&moment=6"
