"""`/fixes`: what was tried and found to mend, for its place in the page, as a whole page, and as JSON."""

import asyncio
import difflib

import jsonschema
import pytest
from fastapi.testclient import TestClient

from app.errors import QueueFull
from app.lessons.catalog import catalog
from app.sandbox.run import Layer
from app.trace.model import Outcome, Reference, Trace
from app.trace.numeric import Numeric
from app.web.fix_views import diff_of, fixes_of
from app.web.fixing import MOST_AT_ONCE, Fixing
from app.web.run import Run
from app.web.runs import Runs
from tests.explain.test_fixes import ran_of
from tests.web.conftest import PARTIAL, soup, source_in

DATA = catalog()["data"].source
OVERWRITTEN = (
    "import torch\nw = torch.ones(3, requires_grad=True)\ny = w.sigmoid()\ny += 1  # <b>\ny.sum().backward()\n"
)
REFUSED = "import torch\nw = torch.ones(3, requires_grad=True)\ny = w.exp()\ny.data.mul_(2)\ny.sum().backward()\n"


def test_a_result_asks_for_its_fixes_and_keeps_their_room(client: TestClient) -> None:
    page = soup(client.post("/traces", data={"source": f"{OVERWRITTEN}# one"}))
    form = page.select_one("#findings form.fixes")
    assert form is not None
    assert (form["hx-post"], form["hx-trigger"], form["action"]) == ("/fixes", "load", "/fixes")
    assert form.select_one("noscript button").text == "Try fixes"  # type: ignore[union-attr]  # None fails the test
    assert form.select_one('.likely[aria-hidden="true"] .diff') is not None
    assert form.select_one('input[name="source"]')["value"] == f"{OVERWRITTEN}# one"  # type: ignore[index]  # None fails


def test_htmx_gets_the_fixes_of_one_finding(client: TestClient) -> None:
    response = client.post("/fixes", data={"source": OVERWRITTEN, "finding": "0"}, headers=PARTIAL)
    fixes = soup(response)
    first = fixes.select_one("ul.fixes > li")
    assert first is not None
    assert first.h3.text == "Make a new tensor on line 4: y = y + 1"  # type: ignore[union-attr]  # None fails the test
    assert [" ".join(line.text.split()) for line in first.select(".diff li")] == [
        "Leave out line 4−: y += 1 # <b>",
        "Write line 4+: y = y + 1 # <b>",
    ]
    cells = [" ".join(cell.text.split()) for cell in first.select(".became tbody tr > *")]
    assert cells == ["w.grad", "None", "→ 0.1966 0.1966 0.1966"]
    apply = first.select_one("form[data-apply]")
    assert apply is not None
    assert apply["action"] == "/traces"
    assert apply.select_one("input")["value"] == OVERWRITTEN.replace("y += 1", "y = y + 1")  # type: ignore[index]  # None fails
    assert str(first.select_one('a[href^="/compare?left="]')["href"]).count("&right=") == 1  # type: ignore[index]  # None fails
    assert 'hx-target="#said-of-fixes"' in response.text
    assert "fixes were run and found to hold." in response.text
    assert response.headers["vary"].startswith("HX-Request-Type")


def test_a_plain_browser_gets_the_whole_page_with_them(client: TestClient) -> None:
    response = client.post("/fixes", data={"source": REFUSED.replace("\n", "\r\n")})
    assert response.text.startswith("<!doctype html>")
    assert source_in(response) == REFUSED
    titles = [title.text for title in soup(response).select(".fix-row h3, .fix-row summary > span")]
    assert titles == [
        "Put y = y.clone() before line 4, and use .detach() there",
        "Use .detach() instead of .data on line 4",
    ]
    assert "torch now refuses at line 5, with an error, instead of being silently wrong." in response.text


def test_what_was_tried_stands_in_the_next_page_from_the_first(client: TestClient) -> None:
    client.post("/fixes", data={"source": DATA})
    for response in (client.get("/"), client.post("/traces", data={"source": DATA}, headers=PARTIAL)):
        assert not soup(response).select("form.awaited")
        assert len(soup(response).select(".fix-row")) >= 2


@pytest.mark.parametrize("finding", ["-1", "7", "999999999999"])
def test_a_finding_that_is_not_there_has_none(client: TestClient, finding: str) -> None:
    response = client.post("/fixes", data={"source": OVERWRITTEN, "finding": finding}, headers=PARTIAL)
    assert response.status_code == 200
    assert not soup(response).select(".fix-row, .left")


@pytest.mark.parametrize("source", ["", "x = (", "print(1)"])
def test_a_run_without_findings_has_none(client: TestClient, source: str) -> None:
    assert not soup(client.post("/fixes", data={"source": source}, headers=PARTIAL)).select(".fix-row, .left")
    assert client.post("/fixes", data={"source": source}).status_code == 200
    assert client.post("/api/v1/fixes", json={"source": source}).json() == {"fixes": [], "left": None}


def test_the_api_lists_them_with_their_change(client: TestClient) -> None:
    answer = client.post("/api/v1/fixes", json={"source": DATA}).json()
    document = client.get("/api/openapi.json").json()
    schema = {**document["components"]["schemas"]["FixList"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer)
    first, last = answer["fixes"][0], answer["fixes"][-1]
    assert (first["rule"], first["lines"]) == ("write-hidden-by-data", [5, 4, 3, 6])
    assert "-c = out.data\n+c = out.detach().clone()" in first["diff"]
    assert first["intact"]
    assert first["gradients"][0]["name"] == "a"
    assert first["gradients"][0]["got"]["values"] == [0.0, 0.0, 0.0]
    assert first["gradients"][0]["now"]["values"] == pytest.approx([0.1966119, 0.1049936, 0.0451767])
    assert last["refuses"]
    assert last["outcome"]["error"]["line"] == 6
    assert [line for line in difflib.ndiff(DATA.splitlines(), first["source"].splitlines()) if line[0] in "+-"] == [
        "- c = out.data",
        "+ c = out.detach().clone()",
    ]


def test_reloading_leads_home(client: TestClient) -> None:
    response = client.get("/fixes", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/")


class Slow:
    """A sandbox that runs everything to one Trace, and counts how many at once; or refuses."""

    layers: tuple[Layer, ...] = ()
    ready = True
    readers = 1

    def __init__(self, trace: Trace, error: Exception | None = None) -> None:
        self.answer, self.error = trace, error
        self.now = self.most = self.all = 0

    async def trace(self, source: str) -> Trace:  # noqa: ARG002  # the sandbox's own signature
        self.all += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if self.error:
            raise self.error
        return self.answer

    async def reference(self, source: str) -> Reference:  # noqa: ARG002  # the sandbox's own signature
        return Reference(outcome=Outcome(kind="finished"), grads={})

    async def numeric(self, source: str) -> Numeric:
        raise NotImplementedError(source)


def run_of(source: str) -> Run:
    ran = ran_of(source)
    return Run(trace=ran.trace, diagnoses=ran.diagnoses, reference=ran.reference)


async def test_who_asks_together_waits_for_the_same_runs() -> None:
    run = run_of(DATA)
    sandbox = Slow(run.trace)
    fixing = Fixing(Runs(sandbox))
    answers = await asyncio.gather(*(fixing.of(DATA, run) for _ in range(5)))
    assert all(answer is answers[0] for answer in answers)
    assert sandbox.all == 3
    assert sandbox.most <= MOST_AT_ONCE
    await fixing.of(DATA, run)
    assert sandbox.all == 3
    assert fixing.kept(DATA) is answers[0]


async def test_what_could_not_be_run_is_said_and_tried_again() -> None:
    run = run_of(DATA)
    fixing = Fixing(Runs(Slow(run.trace, QueueFull(3))))
    tried = await fixing.of(DATA, run)
    assert tried.left is not None
    assert fixing.kept(DATA) is None
    (shown, *_) = fixes_of(DATA, run, tried)
    assert shown.tried == ()
    assert shown.left == tried.left


def test_a_change_is_told_line_by_line() -> None:
    lines = list(diff_of("a\nb\nc\n", "a\nB\nB2\nc\nd\n"))
    assert [(line.sign, line.number, line.text) for line in lines] == [
        ("−", 2, "b"),
        ("+", 2, "B"),
        ("+", 3, "B2"),
        ("+", 5, "d"),
    ]
