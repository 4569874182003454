"""What is noted of writes that torch refuses, of operands over what is written, and of attributes of a ctx."""

import pytest
import torch

from app.trace.model import Trace
from tests.tracing import trace_of

W = "w = torch.ones(3, requires_grad=True)\ny = w * 2\n"
FUNCTION = """\
class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.x, ctx.count, ctx.shape = x, 3, torch.ones(1, dtype=torch.int64)
        return {}
    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.x
"""


def traced(snippet: str) -> Trace:
    return trace_of(f"import torch\n{snippet}")


@pytest.mark.parametrize(
    ("snippet", "why", "torch_says"),
    [
        (f"{W}w += 1", "leaf", "a leaf Variable"),
        (f"{W}w[0] = 1", "leaf", "a view of a leaf Variable"),
        (f"{W}torch._foreach_add_([y, w], 1)", "leaf", "a leaf Variable"),
        (f"{W}with torch.no_grad(): v = y[:2]\nv.add_(1)", "no_grad view", "created in no_grad mode"),
        (f"{W}with torch.no_grad(): v = w[:2]\nv[0] = 1", "no_grad view", "created in no_grad mode"),
        (f"{W}with torch.inference_mode(): v = y[:2]\nv.add_(1)", "inference view", "created in inference mode"),
        (f"{W}y.unbind()[0].zero_()", "one of several views", "returns multiple views"),
        (f"{W}{FUNCTION.format('x')}Own.apply(y).add_(1)", "view by a custom Function", "inside a custom Function"),
        ("torch.zeros(3).expand(2, 3).add_(1)", None, "more than one element"),  # refused for its memory
        (f"{W}y.add_(torch.ones(2))", None, "must match the size"),  # it could be written
    ],
)
def test_why_a_write_is_refused(snippet: str, why: str | None, torch_says: str) -> None:
    trace = traced(snippet)
    assert trace.outcome.error
    assert torch_says in trace.outcome.error.message
    assert [operation.forbidden for operation in trace.operations if operation.raised] == [why]


@pytest.mark.parametrize("columns", [2, 3, 16, 17, 40])
@pytest.mark.parametrize(
    "op",
    [
        "a.sub_({})",
        "a.mul_({})",
        "a.copy_({})",
        "a.lerp_({}, 0.5)",
        "torch.sub({}, 1, out=a[:, :1])",
        "torch.mul(a, {}, out=a)",
    ],
)
def test_operands_over_what_is_written(columns: int, op: str) -> None:
    """The flag says whether torch gives other numbers when the operand is a copy."""
    make = f"a = torch.arange(2., {2 * columns + 2}).reshape(2, {columns})"
    results = []
    for operand in ("a[:, :1]", "a[:, :1].clone()"):
        names: dict[str, object] = {"torch": torch}
        exec(f"{make}\n{op.format(operand)}", names)  # noqa: S102  # our own snippet
        results.append(names["a"])
    given, intact = results
    assert isinstance(given, torch.Tensor)
    assert isinstance(intact, torch.Tensor)
    (write,) = traced(f"{make}\n{op.format('a[:, :1]')}").writes
    assert write.overlapping == (not torch.equal(given, intact))
    (write,) = traced(f"{make}\n{op.format('a[:, :1].clone()')}").writes
    assert not write.overlapping


@pytest.mark.parametrize(("write", "intact"), [("y.mul_(5)", False), ("y.mul_(1)", True), ("y.data.add_(1)", False)])
def test_attributes_of_ctx(write: str, intact: bool) -> None:
    trace = traced(f"{W}{FUNCTION.format('x * 2')}z = Own.apply(y)\n{write}\nz.sum().backward()")
    (node,) = (node for node in trace.nodes.values() if node.custom)
    (kept,) = node.kept  # not the count, nor whole numbers
    assert (kept.slot, kept.tensor, kept.intact) == ("x", trace.final["y"].tensor, intact)
    assert not node.saved


def test_who_called_an_operator() -> None:
    snippet = (
        f"{W}optimizer = torch.optim.SGD([w], lr=0.1)\nw.exp().sum().backward()\noptimizer.step()\nw.detach().add_(1)"
    )
    writes = [operation for operation in traced(snippet).operations if operation.op == "add_"]
    assert [operation.inside for operation in writes] == [True, False]
