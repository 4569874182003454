"""Cuts: where a value left its graph, with torch as the judge of whether a gradient came through."""

import pytest

from app.trace.flow import cuts
from tests.told_runs import overwritten, two_networks
from tests.tracing import trace_of

LEAF = "import torch\na = torch.tensor([1., 2.], requires_grad=True)\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("b = (a * 2).detach()", ["detach"]),
        ("b = a * 2\nb.detach_()", ["detach"]),
        ("b = (a * 2).data", ["data"]),
        ("with torch.no_grad():\n    b = a * 2", ["no_grad"]),
        ("b = (a * 2).sum().item()", ["python-scalar"]),
        ("b = (a * 2).tolist()", ["python-scalar"]),
        ("b = torch.tensor(a.sum())", ["copy-constructor"]),
        ("b = a.argmax()", ["non-differentiable"]),
        ("b = a > 1", ["non-differentiable"]),
        ("b = a.detach().numpy()", ["detach"]),  # what numpy got had no graph any more
        ("b = a * 2", []),
        ("b = torch.zeros_like(a)", []),  # a shape is no value
        ("b = torch.ones(2).detach()", []),  # nothing was cut off
        ("b = (a * 2).clone()", []),
        ("a.requires_grad_(False)\nb = a.detach()", []),
        ("(a * 2).sum().backward()\nb = a.grad * 2", []),
        ("with torch.no_grad():\n    a -= 0.1", []),  # in place: no new value without a graph
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_cuts(lines: str, expected: list[str]) -> None:
    assert [cut.by for cut in cuts(trace_of(LEAF + lines + "\n"))] == expected


@pytest.mark.parametrize(
    ("lines", "into"),
    [
        ("loss = (a * 2).detach().exp().sum() + a.sum()", ["AddBackward0"]),
        ("k = (a * 2).detach()\nloss = (a * k).sum()", ["MulBackward0"]),
        ("n = (a * 2).detach().numpy()\nloss = (a * torch.from_numpy(n)).sum()", ["MulBackward0"]),
        ("k = (a * 2).detach()\nloss = a.sum()", []),
        ("h = a * 2\nh.detach_()\nloss = (h * a).sum()", ["MulBackward0"]),
    ],
)
def test_where_the_value_went_on(lines: str, into: list[str]) -> None:
    trace = trace_of(f"{LEAF}{lines}\nloss.backward()\n")
    (cut,) = cuts(trace)
    assert [trace.nodes[node].name for node in cut.into] == into


def test_no_gradient_passes_a_cut() -> None:
    source = "import torch\nfrom torch import nn\ntorch.manual_seed(0)\nA, B = nn.Linear(2, 2), nn.Linear(2, 1)\n"
    source += "loss = B(A(torch.ones(1, 2)).detach()).sum()\nloss.backward()\n"
    trace = trace_of(source)
    (cut,) = cuts(trace)
    above = trace.tensors[cut.source].node
    ran = {fired.node for backward in trace.backwards for fired in backward.fired}
    assert above not in ran
    assert set(cut.into) <= ran
    assert trace.final["A.weight"].grad is None
    assert trace.final["B.weight"].grad is not None


def test_a_running_total_of_detached_values_is_followed_in_bounds() -> None:
    source = f"{LEAF}total = torch.zeros(())\nfor _ in range(300):\n    total = total + (a * 2).sum().detach()\n"
    source += "loss = (a * total).sum()\n"
    found = cuts(trace_of(source))
    assert len(found) == 300
    assert found[0].into


def test_cuts_of_traces_made_by_hand() -> None:
    assert [(cut.by, cut.into) for cut in cuts(overwritten(".data"))] == [("data", ())]
    (cut,) = cuts(two_networks())
    assert cut.by == "detach"
    assert len(cut.into) == 1
