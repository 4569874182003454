"""The numeric check over HTTP: on the page, as a fragment, and as JSON."""

import jsonschema
import pytest
from fastapi.testclient import TestClient

from app.explain.numeric import NumericStory
from app.lessons.catalog import catalog
from app.trace import contract
from tests.web.conftest import PARTIAL, soup, source_in

LEAF = "import torch\na = torch.tensor([1., 2., 3.], requires_grad=True)\n"
DATA = LEAF + "out = a.sigmoid()\nc = out.data\nc.zero_()\nout.sum().backward()"
STRAIGHT = LEAF + "b = (a.round() - a).detach() + a\nb.sum().backward()"
CUSTOM = (
    "import torch\nclass Twice(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        "
    "return x * 2\n"
    "    @staticmethod\n    def backward(ctx, g):\n        return g\n"
    "a = torch.ones(3, requires_grad=True)\nTwice.apply(a).sum().backward()"
)


def test_a_plain_browser_gets_the_page_of_the_run_with_the_check(client: TestClient) -> None:
    page = client.post("/numeric", data={"source": DATA.replace("\n", "\r\n")})
    assert page.status_code == 200
    assert source_in(page).strip() == DATA
    table = soup(page).select_one("#gradients #checked table")
    assert table is not None
    rows = [[cell.get_text(strip=True) for cell in row.select("th, td")] for row in table.select("tr")]
    assert rows == [
        ["element", "backward", "program", "graph", "verdict"],
        ["[0]", "0", "0", "0.1966", "agree"],
        ["[1]", "0", "0", "0.1050", "agree"],
        ["[2]", "0", "0", "0.0452", "agree"],
    ]


def test_the_page_of_a_run_asks_with_the_source_that_was_run(client: TestClient) -> None:
    field = soup(client.post("/traces", data={"source": DATA})).select_one("#numeric form input[name=source]")
    assert field is not None
    assert field["value"] == DATA
    assert soup(client.post("/traces", data={"source": LEAF + "b = a * 2"})).select_one("#numeric") is None


@pytest.mark.parametrize(
    ("source", "headline", "said"),
    [
        (
            DATA,
            "Backward agrees with the program. The recorded graph stands for other numbers.",
            "Two questions look alike",
        ),
        (LEAF + "a.sum().backward()", "Backward and the program agree.", "float64"),
        (STRAIGHT, "Backward and the program disagree for a.", "Line 3: (a.round() - a).detach() cuts the graph."),
        (CUSTOM, "Backward and the program disagree for a.", "Line 10: Twice has a backward of its own"),
        (
            LEAF + "(a.relu() * 0 + (a - 1).relu()).sum().backward()",
            "agree wherever they can be compared",
            "to one side",
        ),
        (
            LEAF + "y = a.sigmoid()\ny.detach().zero_()\ny.sum().backward()",
            "The recorded graph and the program disagree",
            "refused",
        ),
        (
            "import torch\n(torch.ones(2, requires_grad=True) * 2).sum().backward()",
            "None of the leaves could be checked.",
            "no name",
        ),
        (LEAF, "no backward ran", ""),
        (LEAF + "a.view(2)", "no backward ran", "ended with RuntimeError on line 3"),
        (
            LEAF + "import time\n(a * time.perf_counter()).sum().backward()",
            "do not give the same value",
            "by the clock",
        ),
        ("x = (", "no backward ran", "SyntaxError"),
        (LEAF + "a.sum().backward()\nimport os\nos._exit(1)", "were not checked", "ended the whole process"),
    ],
)
def test_a_fragment_says_it_in_words(client: TestClient, source: str, headline: str, said: str) -> None:
    response = client.post("/numeric", data={"source": source}, headers=PARTIAL)
    fragment = soup(response)
    heading = fragment.select_one("#checked-head")
    assert response.status_code == 200
    assert heading is not None
    assert headline in heading.get_text()
    assert said in " ".join(fragment.get_text().split())
    assert "<html" not in response.text


def test_nothing_of_a_snippet_is_markup(client: TestClient) -> None:
    source = "import torch\nd = {'<i>`': torch.ones(1, requires_grad=True)}\n(d['<i>`'] * 2).sum().backward()"
    response = client.post("/numeric", data={"source": source}, headers=PARTIAL)
    assert "<i>" not in response.text
    assert "d['&lt;i&gt;`']" in response.text.replace("&#39;", "'")


def test_the_api_answers_by_its_schema(client: TestClient) -> None:
    schema = contract.numeric_schema(NumericStory)
    for source in (catalog()["data"].source, catalog()["detach"].source, STRAIGHT, "x = (", ""):
        answer = client.post("/api/v1/numeric", json={"source": source}).json()
        jsonschema.Draft202012Validator(schema).validate(answer)
        assert answer["schema"] == "tapescope.numeric/1"
    leaf = client.post("/api/v1/numeric", json={"source": STRAIGHT}).json()["leaves"][0]
    assert (leaf["name"], leaf["line"], {element["verdict"] for element in leaf["elements"]}) == ("a", 4, {"differs"})
    assert client.post("/api/v1/numeric", json={}).status_code == 422


def test_an_empty_source_and_a_reload_are_answered(client: TestClient) -> None:
    assert client.post("/numeric", data={"source": " "}).status_code == 422
    assert client.post("/numeric", data={"source": "#" * 20_001}, headers=PARTIAL).status_code == 413
    reload = client.get("/numeric", follow_redirects=False)
    assert (reload.status_code, reload.headers["location"]) == (303, "/")
