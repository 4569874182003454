"""An error that is not autograd's on the page and in the API, and the way to it through the reader's lines."""

import jsonschema
from fastapi.testclient import TestClient

from tests.web.conftest import PARTIAL, soup

NET = """\
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)
    def forward(self, x):
        return self.fc(x)
net = Net()
net(torch.ones(3, 5))"""
REFUSED = "import torch\na = torch.ones(3, requires_grad=True)\na += 1"


def test_it_is_told_in_ink_with_the_tensors_and_the_way(client: TestClient) -> None:
    page = soup(client.post("/traces", data={"source": NET}))
    article = page.select_one("#findings article.explained")
    assert article is not None
    assert article.get_text(" ", strip=True).startswith("Not autograd's doing x has 5 features, and the layer takes 4")
    involved = [" ".join(item.get_text().split()) for item in article.select(".involved li")]
    assert involved == ["x 3 × 5 float32", "net.fc.weight 2 × 4 float32", "net.fc.bias 2 float32"]
    assert [link["href"] for link in page.select(".frames a")] == ["#L8", "#L10"]
    way = [" ".join(item.get_text().split()) for item in page.select(".frames li")]
    assert way == ["in forward, line 8: return self.fc(x)", "called at the top, line 10: net(torch.ones(3, 5))"]
    message = page.select_one("pre.error")
    assert message is not None
    assert message.text.strip() == "RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x5 and 4x2)"


def test_it_is_announced_and_autograds_own_has_no_second_explanation(client: TestClient) -> None:
    fragment = client.post("/traces", data={"source": NET}, headers=PARTIAL).text
    assert "RuntimeError at line 8. x has 5 features, and the layer takes 4." in fragment
    page = soup(client.post("/traces", data={"source": REFUSED}))
    assert page.select_one("article.explained") is None
    assert page.select_one("article[data-rule=inplace-on-leaf]") is not None


def test_the_api_has_it_by_its_schema(client: TestClient) -> None:
    schema = client.get("/api/v1/schema").json()
    for source, kind in ((NET, "linear"), (REFUSED, None), ("x = (", None), ("print(modle)", "name")):
        answer = client.post("/api/v1/traces", json={"source": source}).json()
        jsonschema.Draft202012Validator(schema).validate(answer)
        explained = answer["error_explained"]
        assert (explained and explained["kind"]) == kind
    error = client.post("/api/v1/traces", json={"source": NET}).json()["outcome"]["error"]
    assert (error["frames"], error["functions"]) == ([10, 8], [None, "forward"])


def test_nothing_of_it_is_markup(client: TestClient) -> None:
    source = "import torch\nd = {'<b>': torch.ones(3)}\nd['<b>'] + torch.ones(4)"
    page = client.post("/traces", data={"source": source})
    assert "<b>'" not in page.text
    assert soup(page).select_one("article.explained") is not None
