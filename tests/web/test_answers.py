"""Answers are made once, kept within bounds, and sent as each reader can take them."""

import asyncio
import gzip

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from app.meters import Meters
from app.sandbox.turns import Place
from app.web.answers import MOST_SHARE, Answer, Answers
from app.web.notices import in_words
from tests.web.conftest import PARTIAL, soup


def answer(size: int = 0, lasts: bool = True) -> Answer:
    return Answer(packed=bytes(size), media_type="text/html", etag='W/"1"', lasts=lasts)


class Kitchen:
    """Makes answers, and counts how often."""

    def __init__(self, most_bytes: int = 10**6, size: int = 0, lasts: bool = True) -> None:
        self.answers = Answers(most_bytes, Meters())
        self.made, self.size, self.lasts = list[str](), size, lasts
        self.served = asyncio.Event()
        self.served.set()

    async def ask(self, source: str, share: bool = True) -> Answer:
        async def make() -> Answer:
            self.made.append(source)
            await self.served.wait()
            return answer(self.size, self.lasts)

        return await self.answers.of(("page",), source, make, share=share)


async def test_what_is_kept_is_not_made_again() -> None:
    kitchen = Kitchen()
    assert await kitchen.ask("a") is not None
    await kitchen.ask("a")
    await kitchen.ask("b")
    assert kitchen.made == ["a", "b"]


@pytest.mark.parametrize(("lasts", "share"), [(False, True), (True, False)])
async def test_what_may_differ_is_made_again(lasts: bool, share: bool) -> None:
    kitchen = Kitchen(lasts=lasts)
    await kitchen.ask("a", share)
    await kitchen.ask("a", share)
    assert kitchen.made == ["a", "a"]
    assert kitchen.answers.bytes == 0


async def test_the_least_used_go_first_and_the_bound_holds() -> None:
    kitchen = Kitchen(most_bytes=16_000, size=1_400)
    for source in "abcdefgh":
        await kitchen.ask(source)
    await kitchen.ask("a")
    await kitchen.ask("i")  # b goes, which was not asked for since
    await kitchen.ask("a")
    await kitchen.ask("b")
    assert kitchen.made == [*"abcdefgh", "i", "b"]
    assert kitchen.answers.bytes <= 16_000
    large = Kitchen(most_bytes=16_000, size=16_000 // MOST_SHARE)
    await large.ask("a")
    assert len(large.answers) == 0


async def test_who_asks_at_once_shares_and_may_leave() -> None:
    kitchen = Kitchen()
    kitchen.served.clear()
    asking = [asyncio.create_task(kitchen.ask("a")) for _ in range(5)]
    alone = [asyncio.create_task(kitchen.ask("x", share=False)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sorted(kitchen.made) == ["a", "x", "x"]
    for task in asking[:4]:  # among them whoever came first
        task.cancel()
    await asyncio.gather(*asking[:4], return_exceptions=True)
    kitchen.served.set()
    assert (await asking[4]).lasts
    await asyncio.gather(*alone)
    assert sorted(kitchen.made) == ["a", "x", "x"]


async def test_when_all_have_left_nothing_goes_on() -> None:
    kitchen = Kitchen()
    kitchen.served.clear()
    asking = [asyncio.create_task(kitchen.ask("a")) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    kitchen.served.set()
    assert len(kitchen.answers) == 0
    await kitchen.ask("a")  # begins anew, instead of joining what was given up
    assert kitchen.made == ["a", "a"]


async def test_a_failure_is_everybodys_and_not_kept() -> None:
    answers = Answers(10**6, Meters())

    async def fail() -> Answer:
        await asyncio.sleep(0)
        raise LookupError

    both = await asyncio.gather(
        *(answers.of(("page",), "a", fail, share=True) for _ in range(2)), return_exceptions=True
    )
    assert [type(each) for each in both] == [LookupError, LookupError]
    assert len(answers) == 0


SOURCE = "import torch\nprint(torch.rand(3))  # of tests/web/test_answers.py"


def test_the_same_snippet_is_run_once(client: TestClient) -> None:
    first, second = (client.post("/traces", data={"source": SOURCE}, headers=PARTIAL) for _ in range(2))
    assert first.headers["tapescope-run"] == second.headers["tapescope-run"]
    assert first.headers["etag"] == second.headers["etag"]
    assert first.content == second.content
    whole = client.post("/traces", data={"source": SOURCE})
    assert whole.headers["etag"] != first.headers["etag"]
    assert whole.text.startswith("<!doctype html>")


def test_who_has_other_room_gets_other_drawings(client: TestClient) -> None:
    source = "import torch\na = torch.ones(2, requires_grad=True)\n(a * 2).sum().backward()"

    def pressed(**told: str) -> Response:
        return client.post("/traces", data={"source": source, **told}, headers=PARTIAL)

    every, wide, too, narrow, odd = (
        pressed(**told) for told in ({}, {"width": "864.0"}, {"width": "990"}, {"width": "358"}, {"width": "<b>"})
    )
    assert wide.content == too.content
    assert odd.content == every.content
    assert len({answer.headers["etag"] for answer in (every, wide, narrow)}) == 3
    for answer, bounds, kinds in ((wide, ("826.0", None), {"wide"}), (narrow, ("340.0", "640.0"), {"narrow"})):
        pictures = soup(answer).select_one("#pictures")
        assert pictures
        assert (pictures["data-above-px"], pictures.get("data-most-px")) == bounds
        figures = pictures.select("svg.figure:not(.legend-mark)")
        assert [set(figure["class"]) - {"figure"} for figure in figures] == [kinds, kinds]
    whole = soup(every).select_one("#pictures")
    assert whole
    assert "data-above-px" not in whole.attrs
    assert len(whole.select("svg.figure:not(.legend-mark)")) == 7


@pytest.mark.parametrize("source", ["import time\nprint(time.time_ns())", "print('x' * 100_000)"])
def test_a_snippet_that_may_end_otherwise_is_run_again(client: TestClient, source: str) -> None:
    first, second = (client.post("/api/v1/traces", json={"source": source}) for _ in range(2))
    assert first.headers["tapescope-run"] != second.headers["tapescope-run"]


def test_an_answer_comes_as_the_reader_takes_it(client: TestClient) -> None:
    body = {"source": SOURCE}
    plain = client.post("/api/v1/traces", json=body, headers={"Accept-Encoding": "identity"})
    packed = client.post("/api/v1/traces", json=body, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(gzip.compress(plain.content, 1)) + 100
    assert "accept-encoding" in packed.headers["vary"].lower()


@pytest.mark.parametrize("path", ["/", "/examples/detach?moment=3"])
def test_a_page_that_the_browser_has_is_not_sent_again(client: TestClient, path: str) -> None:
    first = client.get(path)
    etag = first.headers["etag"]
    for named, status in ((etag, 304), (f'"other", {etag}', 304), ("*", 304), ('"other"', 200), ("", 200)):
        again = client.get(path, headers={"If-None-Match": named})
        assert (named, again.status_code) == (named, status)
        assert again.headers["etag"] == etag
        assert "content-security-policy" in again.headers
        assert (again.content == b"") is (status == 304)
    assert client.get(path, headers=PARTIAL).headers["etag"] != etag


@pytest.mark.parametrize(
    ("before", "about_s", "words"),
    [
        (0, 0.1, "Yours is next."),
        (1, 0.2, "One run is before yours: about 1 s."),
        (120, 3.4, "120 runs are before yours: about 3 s."),
    ],
)
def test_a_place_in_words(before: int, about_s: float, words: str) -> None:
    assert in_words(Place(before=before, about_s=about_s)) == words


def test_who_waits_for_nothing_has_no_place(client: TestClient) -> None:
    assert client.get("/traces/place").status_code == 204
