"""The reference run gives the gradient of the values that were saved."""

from typing import Any

import pytest
import torch

from app.explain import explain
from app.explain.contrast import contrast, needs_reference
from tests.tracing import reference_of, trace_of

HIDDEN = """\
import torch
a = torch.tensor([1., 2., 3.], requires_grad=True)
out = a.sigmoid()
c = out.data
c.zero_()
out.sum().backward()
"""


def test_a_hidden_write_is_contrasted_with_the_intact_gradient() -> None:
    trace = trace_of(HIDDEN)
    assert needs_reference(trace)
    (found,) = contrast(trace, reference_of(HIDDEN))
    assert found.name == "a"
    assert found.got is not None
    assert found.got.flat == (0.0, 0.0, 0.0)
    assert found.intact is not None
    assert found.intact.flat == pytest.approx((0.1966119, 0.1049936, 0.0451767))
    assert found.off_by is not None
    assert found.off_by.flat == pytest.approx((-0.1966119, -0.1049936, -0.0451767))


@pytest.mark.parametrize("line", ["c = out.detach()", "c = out.data.clone()"])
def test_a_run_without_a_hidden_write_needs_no_reference(line: str) -> None:
    assert not needs_reference(trace_of(HIDDEN.replace("c = out.data", line)))


# Each write comes between a save and its read. Without it, plain torch gives what the saved values stand for.
SIGMOID = "a = torch.tensor([1., 2., 3.], requires_grad=True)\nout = a.sigmoid()"
PRODUCT = "a = torch.tensor([1., 2., 3.], requires_grad=True)\nx = torch.tensor([4., 5., 6.])\nout = a * x"
OVER_ARRAY = (
    "import numpy\narray = numpy.ones(3, dtype=numpy.float32)\nx = torch.from_numpy(array)\n"
    "a = torch.tensor([1., 2., 3.], requires_grad=True)\nout = a * x"
)
TWICE_OVER_ARRAY = OVER_ARRAY.replace("out =", "other = torch.from_numpy(array)\nout =")
NORM = (
    "norm = torch.nn.BatchNorm1d(1).eval()\na = torch.tensor([[1.], [2.], [3.]], requires_grad=True)\n"
    "out = norm(a).pow(2)\nnorm.train()"
)
EMBEDDING = (
    "table = torch.nn.Embedding(2, 2, max_norm=1.0)\ntable.weight.data = torch.tensor([[3., 4.], [6., 8.]])\n"
    "a = torch.tensor([1., 2.], requires_grad=True)\nout = a * table.weight.data[0]"
)
WRITES = [
    (SIGMOID, "out.data.zero_()"),
    (SIGMOID, "out.data[1:].mul_(2)"),
    (SIGMOID, "out.data.view(3)[0] = 7"),
    (SIGMOID, "with torch.no_grad(): out.data.add_(1)"),
    (SIGMOID, "with torch.inference_mode(): out.data.add_(1)"),
    (SIGMOID, "out.detach().numpy()[:] = 0.5"),
    (SIGMOID, "torch.from_dlpack(out.detach()).fill_(0.25)"),
    (SIGMOID, "out.untyped_storage().fill_(0)"),
    (SIGMOID, "torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(out.detach())).mul_(3)"),
    (PRODUCT, "x.data = torch.zeros(3)"),
    (PRODUCT, "x.data.copy_(torch.arange(3.))"),
    (PRODUCT, "x.numpy()[0] = -1"),
    (PRODUCT, "torch.empty(0).set_(x.data).neg_()"),
    (PRODUCT, "import ctypes; ctypes.memset(x.data_ptr(), 0, 12)"),
    (OVER_ARRAY, "array += 1"),
    (TWICE_OVER_ARRAY, "other.mul_(5)"),
    (NORM, "norm(torch.full((4, 1), 9.))"),
    (EMBEDDING, "table(torch.tensor([0]))"),
]


def gradient(snippet: str) -> list[float]:
    """Of `a`, in plain torch."""
    namespace: dict[str, Any] = {}
    torch.manual_seed(0)
    exec(snippet, namespace)  # noqa: S102  # our own snippets
    grads: list[float] = namespace["a"].grad.flatten().tolist()
    return grads


@pytest.mark.parametrize(("setup", "write"), WRITES, ids=[write for _, write in WRITES])
def test_both_gradients_are_shown(setup: str, write: str) -> None:
    before, after = f"import torch\n{setup}\n", "out.sum().backward()\n"
    snippet = f"{before}{write}\n{after}"
    trace = trace_of(snippet)
    assert needs_reference(trace)
    (found,) = [one for one in contrast(trace, reference_of(snippet)) if one.name == "a"]
    assert found.got is not None
    assert found.intact is not None
    assert list(found.got.flat or ()) == pytest.approx(gradient(snippet))
    assert list(found.intact.flat or ()) == pytest.approx(gradient(before + after))
    (finding,) = [one for one in explain(trace) if one.severity == "wrong"]
    assert finding.lines[0] == snippet.splitlines().index(write) + 1  # the line that wrote
