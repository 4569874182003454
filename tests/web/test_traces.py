"""The form's address: a whole page for a browser, parts for htmx, notices for what was not run."""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from fastapi.testclient import TestClient

from app.errors import QueueFull, SandboxUnavailable
from app.lessons.catalog import catalog
from app.sandbox.run import Layer
from app.trace.model import Reference, Trace
from app.trace.numeric import Numeric
from app.web.fixing import Fixing
from app.web.runs import Runs
from tests.web.conftest import PARTIAL, soup, source_in
from tests.web.samples import data_trace

PLAIN = "import torch\nprint(torch.ones(2))"


def test_a_browser_gets_the_whole_page(client: TestClient) -> None:
    response = client.post("/traces", data={"source": PLAIN})
    assert response.status_code == 200
    assert response.text.startswith("<!doctype html>")
    assert source_in(response) == PLAIN
    assert soup(response).h1.text == "Your snippet"  # type: ignore[union-attr]  # None fails the test
    assert "tensor([1., 1.])" in response.text


def test_htmx_gets_the_parts_that_change(client: TestClient) -> None:
    whole, parts = (client.post("/traces", data={"source": PLAIN}, headers=headers) for headers in ({}, PARTIAL))
    assert "<!doctype" not in parts.text
    assert "<textarea" not in parts.text
    assert parts.headers["vary"].startswith("HX-Request-Type")
    for target in ("#opening", "#variants", "#result", "#announcement", "#notices"):
        assert f'hx-target="{target}"' in parts.text
        assert soup(whole).select_one(target), target
    assert len(parts.content) < len(whole.content)


def test_a_finished_run_is_announced_in_one_sentence(client: TestClient) -> None:
    response = client.post("/traces", data={"source": PLAIN}, headers=PARTIAL)
    assert "Finished. Nothing unusual was seen.</hx-partial>" in response.text


def test_an_example_that_is_posted_unchanged_keeps_its_title(client: TestClient) -> None:
    lesson = catalog()["detach"]
    response = client.post("/traces", data={"source": lesson.source.replace("\n", "\r\n") + "\r\n"})
    page = soup(response)
    assert page.h1.text == "The same write, seen through .detach()"  # type: ignore[union-attr]  # None fails the test
    assert page.select_one(".row a[aria-current]")["href"] == "/examples/detach"  # type: ignore[index]  # None fails the test


def test_line_ends_of_a_form_are_not_the_snippets(client: TestClient) -> None:
    response = client.post("/traces", data={"source": "print(len('''a\r\nb'''))"})
    assert soup(response).select_one(".stdout").text == "\n3\n"  # type: ignore[union-attr]  # None fails the test


def test_white_space_at_the_start_of_a_source_survives(client: TestClient) -> None:
    source = "\n\n  # first\nimport torch\n"
    assert source_in(client.post("/traces", data={"source": source})) == source


@pytest.mark.parametrize("headers", [{}, PARTIAL])
@pytest.mark.parametrize("source", ["", "  \r\n\t"])
def test_nothing_to_run(client: TestClient, headers: dict[str, str], source: str) -> None:
    response = client.post("/traces", data={"source": source}, headers=headers)
    assert response.status_code == 422
    notice = soup(response).select_one(".notice")
    assert notice is not None
    assert "Nothing to run." in notice.text
    assert len(notice.select("a")) == 3


def test_a_form_without_the_field_is_an_empty_one(client: TestClient) -> None:
    assert client.post("/traces", data={"other": "1"}).status_code == 422


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = (", "SyntaxError at line 1"),
        ("x = (", "Nothing ran."),
        ("import torch\nx = torch.ones(2)\nraise ValueError('about x')", "ValueError at line 3"),
        ("import torch\nx = torch.ones(2)\nprint(x)", "Nothing here is recorded: no tensor requires grad."),
        ("import torch\nx = torch.ones(2, requires_grad=True)\ny = x * 2", "No backward ran."),
        ("while True:\n    pass", "A shorter loop or a smaller tensor shows the same thing."),
        ("while True:\n    print('x' * 1000)", "Print less, or only in the last pass of a loop."),
        ("x = bytearray(10**10)", "it asked for more than 1 GiB of memory."),
    ],
)
def test_what_became_of_a_run_is_said_calmly(client: TestClient, source: str, words: str) -> None:
    response = client.post("/traces", data={"source": source})
    assert response.status_code == 200
    assert words in soup(response).select_one("#result").text  # type: ignore[union-attr]  # None fails the test
    assert source_in(response) == source


def test_nothing_is_drawn_where_nothing_ran(client: TestClient) -> None:
    page = soup(client.post("/traces", data={"source": "x = ("}))
    assert not page.select("#pictures, #gradients, #variables, #timeline, #told, #film")
    assert page.select_one('#lines [data-mark="raised"][data-column]')


HOSTILE = (
    '<img src=x onerror=alert(1)>"\'&</textarea></pre><script>alert(2)</script><hx-partial hx-target="body">{{ 7*7 }}'
)


@pytest.mark.parametrize("headers", [{}, PARTIAL])
@pytest.mark.parametrize(
    "source",
    [
        f"# {HOSTILE}",
        f"print({HOSTILE!r})",
        f"import sys\nsys.stderr.write({HOSTILE!r})",
        f"raise ValueError({HOSTILE!r})",
        f"raise type({HOSTILE!r}, (Exception,), {{}})('x')",
        f"import torch\nd = {{{HOSTILE!r}: torch.ones(2, requires_grad=True)}}\n(d[{HOSTILE!r}] * 2).sum().backward()",
        f"import torch\nglobals()[{HOSTILE!r}] = torch.ones(2, requires_grad=True)",
    ],
)
def test_what_a_snippet_gives_is_text(client: TestClient, source: str, headers: dict[str, str]) -> None:
    response = client.post("/traces", data={"source": source}, headers=headers)
    page = soup(response)
    assert response.status_code == 200
    assert not page.select("img, [onerror], hx-partial hx-partial")
    assert all(script.get("src") or script["type"] == "application/json" for script in page.select("script"))
    for film in page.select("#film"):
        assert msgspec.json.decode(film.text)["stops"]
    assert response.text.count("<hx-partial hx-target=") == (5 if headers else 0)
    assert "{{ 7*7 }}" in response.text or HOSTILE not in source


def test_a_source_that_is_too_large_comes_back(client: TestClient) -> None:
    source = "#" * 20_001
    response = client.post("/traces", data={"source": source})
    assert response.status_code == 413
    assert "20,001 bytes" in response.text
    assert source_in(response) == source
    parts = client.post("/traces", data={"source": source}, headers=PARTIAL)
    assert parts.status_code == 413
    assert 'hx-target="#result"' not in parts.text  # the old result stays


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/traces", "/api/v1/traces"])
def test_a_huge_body_is_not_read(client: TestClient, path: str, chunked: bool) -> None:
    body = b"source=" + b"x" * 2_000_000
    content = iter([body[:1_000_000], body[1_000_000:]]) if chunked else body
    kind = "application/json" if "api" in path else "application/x-www-form-urlencoded"
    response = client.post(path, content=content, headers={"Content-Type": kind})
    assert response.status_code == 413


PASSES = """\
import torch
w = torch.ones(3, requires_grad=True)
for _ in range(12):
    loss = (w * w).sum()
    loss.backward()
"""


def test_a_fold_of_the_figure_opens_and_closes(client: TestClient) -> None:
    page = soup(client.post("/traces", data={"source": PASSES}))
    folds = page.select('button[form="run"][name="open"]')
    assert folds
    assert not [fold for fold in folds if fold.text.startswith("Fold ")]
    opened = soup(client.post("/traces", data={"source": PASSES, "open": str(folds[0]["value"])}, headers=PARTIAL))
    assert [fold for fold in opened.select('button[name="open"]') if fold.text.startswith("Fold ")]
    assert client.post("/traces", data={"source": PASSES, "open": "x" * 1_000 + "," * 10_000}).status_code == 200
    assert client.get("/?open=memory,nothing").status_code == 200


def test_reloading_a_result_leads_home(client: TestClient) -> None:
    response = client.get("/traces", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/")


class Refusing:
    """A sandbox that takes nothing: what only many readers at once, or a broken machine, would bring about."""

    layers: tuple[Layer, ...] = ()
    ready = False
    readers = 1

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def trace(self, source: str) -> Trace:  # noqa: ARG002  # the sandbox's own signature
        raise self.error

    async def reference(self, source: str) -> Reference:  # noqa: ARG002  # the sandbox's own signature
        raise self.error

    async def numeric(self, source: str) -> Numeric:  # noqa: ARG002  # the sandbox's own signature
        raise self.error


@pytest.fixture
def refusing(client: TestClient, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """The application while its sandbox refuses with `request.param`."""
    state = client.app.state  # type: ignore[attr-defined]  # of Starlette
    before = state.tapescope
    runs = Runs(Refusing(request.param))
    state.tapescope = type(before)(runs=runs, fixing=Fixing(runs), limits=before.limits, version=before.version)
    yield client
    state.tapescope = before


@pytest.mark.parametrize("refusing", [QueueFull(7)], indirect=True)
def test_a_full_queue(refusing: TestClient) -> None:
    for response in (
        refusing.post("/traces", data={"source": PLAIN}),
        refusing.post("/numeric", data={"source": PLAIN}),
        refusing.post("/traces", data={"source": PLAIN}, headers=PARTIAL),
        refusing.get("/"),
    ):
        assert (response.status_code, response.headers["retry-after"]) == (429, "7")
        notice = soup(response).select_one('.notice[data-retry-after="7"]')
        assert notice is not None
        assert "Many runs right now." in notice.text
    # Without scripts only an address can be asked for again: what a form sent would be lost.
    assert soup(refusing.get("/")).select_one('noscript meta[http-equiv="refresh"][content="7"]')
    assert not soup(refusing.post("/traces", data={"source": PLAIN})).select_one('meta[http-equiv="refresh"]')
    answer = refusing.post("/api/v1/traces", json={"source": PLAIN})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["error"] == "queue-full"


@pytest.mark.parametrize("refusing", [SandboxUnavailable("it is starting")], indirect=True)
def test_no_sandbox(refusing: TestClient) -> None:
    response = refusing.post("/traces", data={"source": PLAIN})
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "it is starting" in response.text
    assert soup(response).select_one('.notice[data-retry-after="5"] .retry')
    assert source_in(response) == PLAIN
    assert refusing.get("/healthz").status_code == 503
    assert refusing.get("/healthz").json()["status"] == "unavailable"
    assert refusing.post("/api/v1/traces", json={"source": PLAIN}).status_code == 503


@pytest.mark.parametrize("refusing", [ZeroDivisionError("a fault of ours")], indirect=True)
def test_a_fault_of_ours_keeps_the_source_and_tells_nothing_else(refusing: TestClient) -> None:
    response = refusing.post("/traces", data={"source": PLAIN})
    assert response.status_code == 500
    assert "a fault of Tapescope" in response.text
    assert "ZeroDivision" not in response.text
    assert source_in(response) == PLAIN
    assert "content-security-policy" in response.headers
    assert refusing.get("/").status_code == 500
    assert refusing.post("/api/v1/traces", json={"source": PLAIN}).json()["error"] == "internal-server-error"


class Counting(Refusing):
    """Runs everything to the same Trace, and counts."""

    def __init__(self) -> None:
        super().__init__(SandboxUnavailable("busy"))
        self.traced = 0

    async def trace(self, source: str) -> Trace:  # noqa: ARG002  # the sandbox's own signature
        self.traced += 1
        await asyncio.sleep(0)
        return data_trace()


async def test_a_class_that_opens_an_example_together_costs_one_run() -> None:
    sandbox = Counting()
    runs = Runs(sandbox)
    lesson = catalog().first
    together = await asyncio.gather(*(runs.of_lesson(lesson) for _ in range(20)))
    assert sandbox.traced == 1
    assert len({id(shown) for shown in together}) == 1
    assert together[0].run.not_compared is not None  # its reference run was refused: so it is not kept
    await runs.of_lesson(lesson)
    assert sandbox.traced == 2
