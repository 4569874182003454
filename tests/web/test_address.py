"""Snippets in addresses: there and back, and what is no snippet."""

import base64
import zlib

import pytest
from fastapi.testclient import TestClient

from app.lessons.catalog import catalog
from app.web.address import Address, DamagedLink, LinkTooLarge, address_of, folds_in, pack, unpack
from tests.web.conftest import soup, source_in

LIMIT = 20_000


def coded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@pytest.mark.parametrize("source", ["x = 1", "# 中文 é\nprint('?&=#')\n", "\n\n  indented", "x" * LIMIT, "a\tb\r\nc\0"])
def test_a_source_goes_there_and_back(source: str) -> None:
    code = pack(source)
    assert code.replace("-", "").replace("_", "").isalnum()
    assert unpack(code, LIMIT) == source


def test_a_lone_surrogate_has_an_address_as_well() -> None:
    assert unpack(pack("x = '\ud800'"), LIMIT) == "x = '?'"


@pytest.mark.parametrize(
    "code",
    [
        "!",
        "x",
        "é",
        "AAAA",
        pack("x = 1")[:-3],
        pack("x = 1") + "AAAA",
        coded(zlib.compress(b"\xff\xfe")),  # no text
        coded(zlib.compress(b"x = 1") + b"more"),
        coded(zlib.compress(b"x" * 100)[:-1]),
        "A" * 200_000,
    ],
)
def test_what_is_no_snippet_is_refused(code: str) -> None:
    with pytest.raises(DamagedLink):
        unpack(code, LIMIT)


@pytest.mark.parametrize("size", [LIMIT + 1, 10**7])
def test_what_would_grow_too_large_is_not_unpacked(size: int) -> None:
    with pytest.raises(LinkTooLarge):
        unpack(coded(zlib.compress(b"x" * size, 9)), LIMIT)


def test_an_address_ends_where_a_parameter_can_follow() -> None:
    assert Address(path="/").base == "/?"
    assert Address(path="/", code="abc").base == "/?code=abc&"
    assert Address(path="/examples/data", opened="n1,m5").base == "/examples/data?open=n1,m5&"
    assert Address(path="/", opened='"&x=<').base == "/?open=%22%26x%3D%3C&"
    assert Address(path="/", code="abc", opened="n1").unfold == "/?code=abc&open="


def test_a_lessons_snippet_has_the_lessons_address() -> None:
    lesson = catalog()["detach"]
    assert address_of(f"{lesson.source}\n", folds_in("")).base == "/examples/detach?"
    moved = f"\n{lesson.source}"  # its lines have other numbers
    assert address_of(moved, folds_in("b,a")).base == f"/?code={pack(moved)}&open=a,b&"


def test_a_link_shows_the_run_of_its_snippet(client: TestClient) -> None:
    source = "import torch\nprint(torch.ones(2) * 21)"
    response = client.get(f"/?code={pack(source)}")
    assert response.status_code == 200
    assert source_in(response) == source
    page = soup(response)
    assert page.h1.text == "Your snippet"  # type: ignore[union-attr]  # None fails the test
    assert page.select_one(".stdout").text.strip() == "tensor([21., 21.])"  # type: ignore[union-attr]  # None fails the test
    assert page.select_one("#printed")["data-address"] == f"/?code={pack(source)}&"  # type: ignore[index]  # None fails the test


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("nonsense!", 422, "This link is damaged."),
        (coded(zlib.compress(b"x" * 10**7, 9)), 413, "more than the 20,000 bytes"),
        (pack("  \n"), 422, "Nothing to run."),
    ],
)
def test_a_link_that_cannot_be_shown_says_why(client: TestClient, code: str, status: int, words: str) -> None:
    response = client.get("/", params={"code": code})
    assert response.status_code == status
    notice = soup(response).select_one(".notice")
    assert notice is not None
    assert words in notice.text
    assert source_in(response).strip() == ""
