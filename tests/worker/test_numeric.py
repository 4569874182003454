"""The numeric check against torch's own: gradcheck of the same function, as a judge of numbers and of verdicts."""

from collections.abc import Callable

import pytest
import torch
from torch.autograd.gradcheck import _get_numerical_jacobian

from app.trace.model import Scalar
from app.trace.numeric import LeafCheck, Numeric
from app.trace.wire import Request, decode_numeric, encode
from app.worker import budget
from app.worker.numeric import NumericCheck

X = "[0.3, -0.7, 1.2, 0.4]"
Z = "[0.3+0.4j, -0.7+1j]"
CUSTOM = """\
class F(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * {} * x
"""
MLP = "net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.{}(), torch.nn.Linear(5, 1))\nloss = net(x).sum()"
CNN = "conv = torch.nn.Conv2d(1, 2, 2)\nloss = torch.tanh(conv(x.view(1, 1, 2, 2))).sum()"
INNER = "g, = torch.autograd.grad((x**3).sum(), x, create_graph=True)\nloss = (g * g).sum()"
BUFFER = "b = torch.zeros(4)\nb[1:3] = x[:2] * 3\nloss = (b * b).sum()"

# The body makes `loss` from the leaf `x`; run by gradcheck as a function of x.
AGREE = {
    "product": "loss = (x * x * 3).sum()",
    "mlp": MLP.format("Tanh"),
    "mlp relu": MLP.format("ReLU"),
    "conv": CNN,
    "softmax": "loss = (x.softmax(0) * torch.arange(4.0)).sum()",
    "log softmax": "loss = torch.nn.functional.cross_entropy(x.view(1, 4), torch.tensor([2]))",
    "layer norm": "loss = (torch.nn.LayerNorm(4)(x) * torch.arange(4.0)).sum()",
    "batch norm": "loss = (torch.nn.BatchNorm1d(2)(x.view(2, 2)) * torch.tensor([[1.0, 2.0], [5.0, 1.0]])).sum()",
    "norm": "loss = x.norm()",
    "in place": "y = x * 2\ny.mul_(x.detach() * 0 + 3)\ny += 1\nloss = (y * y).sum()",
    "view written": "y = x * 1\ny[1:].mul_(2)\nloss = y.exp().sum()",
    "strided": "loss = (x.view(2, 2).t().contiguous().view(-1) * torch.arange(4.0)).sum()",
    "buffer": BUFFER,
    "double backward": INNER,
    "dropout": "loss = (torch.nn.functional.dropout(x, 0.5) * x).sum()",
    "noise": "loss = (x * torch.randn(4) + torch.rand_like(x) * x**2).sum()",
    "custom right": CUSTOM.format(2) + "loss = F.apply(x).sum()",
    "cumulated": "loss = x.cumsum(0).cos().prod()",
    "gathered": "loss = x[torch.tensor([0, 0, 3])].sin().sum()",
    "loop": "h = x\nfor _ in range(5):\n    h = torch.tanh(h * x)\nloss = h.sum()",
    "function": "def f(v):\n    w = v * 2\n    return (w * v).sum()\nloss = f(x)",
    "recurrent": "loss = torch.nn.GRU(2, 3)(x.view(2, 1, 2))[0].sum()",
    "attention": "q = x.view(1, 2, 2)\nloss = torch.nn.functional.scaled_dot_product_attention(q, q, q).sum()",
    "steep": "loss = (x * 9).exp().sum()",
    "rounded away": "loss = (x + x.round()).sum()",
    "unused": "loss = (x[:2] * 2).sum()",
}
DIFFER = {
    "detach": "loss = (x * x.detach()).sum()",
    "straight through": "loss = ((x.round() - x).detach() + x).pow(2).sum()",
    "custom wrong": CUSTOM.format(3) + "loss = F.apply(x).sum()",
    "data": "y = x * 2\nloss = (y.data * x).sum()",
    "no grad": "with torch.no_grad():\n    w = x * 2\nloss = (w * x).sum()",
    "item": "loss = (x * float(x.detach().sum())).sum()",
    "hook": "y = x * 1\ny.register_hook(lambda g: g.clamp(max=0.1))\nloss = y.exp().sum()",
    "written through data": "y = x.sigmoid()\ny.data.mul_(2)\nloss = y.sum()",
}


def numeric_of(source: str) -> Numeric:
    """The numeric check of `source`, having crossed the wire."""
    request = Request(kind="numeric", source=source, output_bytes=65_536)
    try:
        return decode_numeric(encode(NumericCheck(request).check()))
    finally:
        torch.set_grad_enabled(True)


def leaf_in(checked: Numeric, name: str) -> LeafCheck:
    return next(leaf for leaf in checked.leaves if leaf.name == name)


def as_numbers(scalars: list[Scalar | None]) -> list[complex]:
    return [complex(*each) if isinstance(each, tuple) else complex(each) for each in scalars]  # type: ignore[arg-type]  # no None, no text here


def as_function(body: str) -> Callable[[torch.Tensor], torch.Tensor]:
    def function(x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        names = {"torch": torch, "x": x}
        exec(body, names)  # noqa: S102  # the table's own
        loss = names["loss"]
        assert isinstance(loss, torch.Tensor)
        return loss

    return function


@pytest.mark.parametrize("name", [*AGREE, *DIFFER])
def test_torchs_gradcheck_says_the_same(name: str) -> None:
    body = (AGREE | DIFFER)[name]
    checked = numeric_of(f"import torch\nx = torch.tensor({X}, requires_grad=True)\n{body}\nloss.backward()")
    leaf = leaf_in(checked, "x")
    assert checked.verdict == "compared"
    assert {element.verdict for element in leaf.elements} <= ({"agrees"} if name in AGREE else {"agrees", "differs"})
    assert any(element.verdict == "differs" for element in leaf.elements) is (name in DIFFER)
    function, x = as_function(body), torch.tensor(eval(X), dtype=torch.float64, requires_grad=True)  # noqa: S307  # the table's own
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.autograd.gradcheck(function, (x,), raise_exception=False) is (name in AGREE)
        ((numbers,),) = _get_numerical_jacobian(function, (x,), eps=1e-6)
    finally:
        torch.set_default_dtype(torch.float32)
    if "torch.nn." not in body and "rand" not in body:  # other numbers are drawn for float64
        found = as_numbers([element.program for element in leaf.elements])
        assert torch.allclose(torch.tensor(found).real.double(), numbers.flatten(), rtol=1e-3, atol=1e-5)


A = "import torch\na = torch.tensor([1., 2., 3.], requires_grad=True)\n"
KINKS = [
    "x.relu()",
    "x.abs()",
    "x.clamp(min=0)",
    "x.max().expand(2)",
    "torch.maximum(x, torch.zeros(2))",
    "(x + 0.5).round()",
]


@pytest.mark.parametrize("operator", KINKS)
def test_a_kink_is_told_as_one(operator: str) -> None:
    checked = numeric_of(f"import torch\nx = torch.zeros(2, requires_grad=True)\n({operator} * 2).sum().backward()")
    assert [element.verdict for element in leaf_in(checked, "x").elements] == ["kink", "kink"]


def test_the_question_is_another_than_what_intact_values_give() -> None:
    checked = numeric_of(A + "out = a.sigmoid()\nc = out.data\nc.zero_()\nout.sum().backward()")
    leaf = leaf_in(checked, "a")
    assert (leaf.line, leaf.call, leaf.dtype) == (6, "backward", "float32")
    assert [(element.backward, element.program, element.verdict) for element in leaf.elements] == [(0, 0, "agrees")] * 3
    graph = as_numbers([element.graph for element in leaf.elements])
    assert [round(number.real, 4) for number in graph] == [0.1966, 0.1050, 0.0452]


def test_a_refused_backward_has_a_graph_and_a_program_all_the_same() -> None:
    checked = numeric_of(A + "out = a.sigmoid()\nc = out.detach()\nc.zero_()\nout.sum().backward()")
    leaf = leaf_in(checked, "a")
    assert leaf.refused
    assert [(element.backward, element.program) for element in leaf.elements] == [(None, 0)] * 3
    assert checked.outcome.kind == "raised"


def test_a_complex_leaf_is_moved_in_both_directions() -> None:
    checked = numeric_of(
        f"import torch\nz = torch.tensor({Z}, requires_grad=True)\n(z * z * z.conj()).abs().sum().backward()"
    )
    z = torch.tensor(eval(Z), dtype=torch.complex128, requires_grad=True)  # noqa: S307  # the table's own
    (gradient,) = torch.autograd.grad((z * z * z.conj()).abs().sum(), z)
    leaf = leaf_in(checked, "z")
    assert as_numbers([element.program for element in leaf.elements]) == pytest.approx(gradient.tolist())
    assert {element.verdict for element in leaf.elements} == {"agrees"}


CALLS = [
    # source, leaf, the line and kind of the call, its gradient
    (A + "y = a * a\ny.sum().backward(retain_graph=True)\ny.sum().backward()", "a", 4, "backward", [2, 4, 6]),
    (A + "(a * 2).sum().backward()\n(a * 3).sum().backward()", "a", 3, "backward", [2, 2, 2]),  # the first alone
    (A + "g, = torch.autograd.grad((a * a).sum(), a)", "a", 3, "grad", [2, 4, 6]),
    (
        A + "g, = torch.autograd.grad((a**3).sum(), a, create_graph=True)\ng.sum().backward()",
        "a",
        4,
        "backward",
        [6, 12, 18],
    ),
    (A + "y = a * a\ny.backward(torch.tensor([1., 0., 2.]))", "a", 4, "backward", [2, 0, 12]),
    (A + "b = a.detach().requires_grad_()\n(b * b).sum().backward()", "b", 4, "backward", [2, 4, 6]),
    (A + "for _ in range(3):\n    (a * a).sum().backward()\n    a.data -= 0.1 * a.grad", "a", 4, "backward", [2, 4, 6]),
]


@pytest.mark.parametrize(("source", "name", "line", "kind", "gradient"), CALLS)
def test_which_call_is_compared(source: str, name: str, line: int, kind: str, gradient: list[float]) -> None:
    leaf = leaf_in(numeric_of(source), name)
    assert (leaf.line, leaf.call) == (line, kind)
    assert as_numbers([element.backward for element in leaf.elements]) == pytest.approx(gradient)
    assert {element.verdict for element in leaf.elements} == {"agrees"}


def test_a_leaf_that_the_graph_leads_past_is_compared_with_nothing() -> None:
    checked = numeric_of(A + "b = torch.ones(3, requires_grad=True)\n(a.detach() * b).sum().backward()")
    assert not leaf_in(checked, "a").reached
    assert [element.verdict for element in leaf_in(checked, "a").elements] == ["differs"] * 3
    assert {element.verdict for element in leaf_in(checked, "b").elements} == {"agrees"}


def test_a_parameter_that_was_replaced_is_not_missed() -> None:
    source = (
        "import torch\na, b = torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)\n"
        "b.weight = a.weight\nb(a(torch.ones(1, 2)).tanh()).sum().backward()"
    )
    assert [leaf.name for leaf in numeric_of(source).leaves] == ["a.weight"]


UNCHECKED = [
    ("y = (x := torch.ones(3, requires_grad=True)) * 2\ny.sum().backward()", "x", "used"),
    ("(torch.ones(3, requires_grad=True) * 2).sum().backward()", None, "unnamed"),
    ("x = torch.ones(3, dtype=torch.float16, requires_grad=True)\nx.sum().backward()", "x", "dtype"),
    ("x = torch.ones(1).expand(3).requires_grad_()\nx.sum().backward()", "x", "overlapping"),
]


@pytest.mark.parametrize(("source", "name", "why"), UNCHECKED)
def test_what_cannot_be_moved_is_said(source: str, name: str | None, why: str) -> None:
    (leaf,) = numeric_of(f"import torch\n{source}").leaves
    assert (leaf.name, leaf.unchecked, leaf.elements) == (name, why, ())


VERDICTS = [
    ("x = (", "no-backward", "raised"),
    ("a = torch.ones(3)", "no-backward", "finished"),
    (A + "a.view(2)\na.sum().backward()", "no-backward", "raised"),
    (A + "a.backward()", "no-backward", "raised"),  # it does not come as far as the engine
    (A + "y = (a * a).sum()\ny.backward()\ny.backward()", "compared", "raised"),
    (A + "import time\n(a * time.perf_counter()).sum().backward()", "not-deterministic", "finished"),
    (A + "print('x' * 10_000_000)\na.sum().backward()", "compared", "finished"),
    (A + "try:\n    a.sum().backward()\nexcept BaseException:\n    pass", "compared", "finished"),
    (A + "def f():\n    return torch.func.grad(lambda v: (v * v).sum())(a.detach())\nf()", "no-backward", "finished"),
]


@pytest.mark.parametrize(("source", "verdict", "ended"), VERDICTS)
def test_every_end_has_a_verdict(source: str, verdict: str, ended: str) -> None:
    checked = numeric_of(f"import torch\n{source}")
    assert (checked.verdict, checked.outcome.kind) == (verdict, ended)


def test_numbers_are_those_of_the_readers_draws() -> None:
    source = "import torch\nlayer = torch.nn.Linear(40, 1)\nx = torch.randn(3, 40)\nlayer(x).pow(2).sum().backward()"
    leaf = leaf_in(numeric_of(source), "layer.weight")
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(40, 1), torch.randn(3, 40)
    layer(x).pow(2).sum().backward()
    assert layer.weight.grad is not None
    assert as_numbers([element.backward for element in leaf.elements]) == pytest.approx(
        layer.weight.grad[0].tolist(), rel=1e-4
    )
    assert leaf.own == ()


def test_what_cannot_be_float64_is_compared_more_coarsely() -> None:
    source = (
        "import numpy as np, torch\nx = torch.from_numpy(np.ones((2, 3), dtype=np.float32))\n"
        "m = torch.nn.Linear(3, 1)\nm(x).pow(2).sum().backward()"
    )
    checked = numeric_of(source)
    assert not checked.precise
    assert {element.verdict for leaf in checked.leaves for element in leaf.elements} == {"agrees"}


def test_a_large_leaf_is_moved_in_part() -> None:
    leaf = leaf_in(
        numeric_of("import torch\nx = torch.ones(10, 100, requires_grad=True)\n(x * x).sum().backward()"), "x"
    )
    assert (len(leaf.elements), leaf.left_out) == (64, 936)
    assert (leaf.elements[0].at, leaf.elements[-1].at) == ((0, 0), (9, 99))


def test_a_reader_s_run_in_a_coarser_type_is_told() -> None:
    source = (
        "import torch\nm = torch.nn.Linear(3, 1)\nwith torch.autocast('cpu', dtype=torch.bfloat16):\n"
        "    loss = m(torch.randn(2, 3)).sum()\nloss.backward()"
    )
    leaf = leaf_in(numeric_of(source), "m.weight")
    assert {element.verdict for element in leaf.elements} == {"agrees"}
    assert len(leaf.own) == 3
    assert as_numbers(list(leaf.own)) != as_numbers([element.backward for element in leaf.elements])


BRANCHES = [
    ("(a * a).sum().backward() if a[0] == 1 else (a * 3).sum().backward()", ["kink", "agrees", "agrees"]),
    ("if a[0] != 1:\n    raise SystemExit\n(a * a).sum().backward()", ["ended", "agrees", "agrees"]),
    ("(a - 1).sqrt().sum().backward()", ["not-finite", "agrees", "agrees"]),
]


@pytest.mark.parametrize(("source", "verdicts"), BRANCHES)
def test_a_program_that_turns_on_the_exact_number(source: str, verdicts: list[str]) -> None:
    assert [element.verdict for element in leaf_in(numeric_of(A + source), "a").elements] == verdicts


def test_what_there_is_no_time_for_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "NUMERIC_S", 0)
    (leaf,) = numeric_of(A + "(a * a).sum().backward()").leaves
    assert (leaf.unchecked, leaf.left_out) == ("late", 3)


def test_a_check_can_be_asked_before_it_is_made() -> None:
    check = NumericCheck(Request(kind="numeric", source=A, output_bytes=100))
    assert check.so_far().verdict == "late"
