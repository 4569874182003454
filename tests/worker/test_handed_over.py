"""What the Trace tells of optimizers, of refusals, and of numbers that come back."""

import pytest
import torch
from torch.optim.optimizer import _global_optimizer_pre_hooks

from app.trace.model import Trace
from tests.tracing import trace_of

LEAVES = "w, v = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)"
NET = "net = torch.nn.Linear(2, 1)"


def traced(statements: str) -> Trace:
    return trace_of("import torch\n" + "\n".join(statements.split("; ")))


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (f"{LEAVES}; opt = torch.optim.SGD([w, v])", [(3, "SGD", ["w", "v"], False)]),
        (f"{NET}; opt = torch.optim.Adam(net.parameters())", [(3, "Adam", ["net.weight", "net.bias"], False)]),
        (f"{LEAVES}; opt = torch.optim.SGD([('a', w), ('b', v)])", [(3, "SGD", ["w", "v"], False)]),
        (
            f"{LEAVES}; opt = torch.optim.SGD([{{'params': w}}, {{'params': [v]}}])",
            [(3, "SGD", ["w"], False), (3, "SGD", ["v"], False)],
        ),
        (
            f"{LEAVES}; opt = torch.optim.SGD([w]); opt.add_param_group({{'params': v}})",
            [(3, "SGD", ["w"], False), (4, "SGD", ["v"], False)],
        ),
        (f"{LEAVES}; y = w * 2; opt = torch.optim.SGD([y])", [(4, "SGD", ["y"], True)]),
        (f"{LEAVES}; opt = torch.optim.SGD([1])", [(3, "SGD", [], True)]),
        (f"{LEAVES}; opt = torch.optim.LBFGS([w])", [(3, "LBFGS", ["w"], False)]),
        (f"{LEAVES}; torch.nn.utils.clip_grad_norm_([w], 1.)", []),
    ],
)
def test_what_optimizers_were_handed(statements: str, told: list[tuple[int, str, list[str], bool]]) -> None:
    trace = traced(statements)
    assert [
        (trace.line(group.step), group.optimizer, [trace.tensors[key].label for key in group.params], group.raised)
        for group in trace.param_groups
    ] == told


STEP = "opt = torch.optim.SGD([w, v]); (w * v).sum().backward()"
CLOSURE = "def f():\n    opt.zero_grad()\n    loss = (w * v).sum()\n    loss.backward()\n    return loss"


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (f"{LEAVES}; {STEP}; opt.step()", []),
        (f"{LEAVES}; {STEP}; v.grad = None; opt.step()", []),  # one has a gradient
        (f"{LEAVES}; {STEP}; opt.zero_grad(); opt.step()", [(6, ["w", "v"])]),
        (f"{LEAVES}; {STEP}; opt.zero_grad(set_to_none=False); opt.step()", []),  # they are zeros
        (f"{LEAVES}; opt = torch.optim.Adam([w, v]); opt.step(); opt.step(None)", [(4, ["w", "v"]), (5, ["w", "v"])]),
        (f"{LEAVES}; opt = torch.optim.SGD([w, v]); {CLOSURE}; opt.step(f); opt.step(closure=f)", []),
    ],
)
def test_steps_that_found_no_gradient(statements: str, told: list[tuple[int, list[str]]]) -> None:
    trace = traced(statements)
    assert trace.outcome.kind == "finished"
    assert [
        (trace.line(update.step), [trace.tensors[key].label for key in update.params]) for update in trace.idle_updates
    ] == told
    assert _global_optimizer_pre_hooks == {}


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_what_optimizers_do_beside_the_observer_is_noted(optimizer: str) -> None:
    torchs = {kind: kind.__dict__["_init_group"] for kind in (torch.optim.SGD, torch.optim.Adam)}
    step = "(w * v).sum().backward(); opt.step(); opt.zero_grad()"
    trace = traced(f"{LEAVES}; opt = torch.optim.{optimizer}([w, v]); {step}; {step}")
    w = next(tensor for tensor in trace.tensors.values() if tensor.name == "w")
    lines = {one.moment: one.line for one in trace.steps}
    assert [lines.get(turn.moment) for turn in w.grads if turn.tensor is None] == [6, 9]
    made = [trace.line(one.step) for one in trace.operations if one.op == "zeros_like"]
    assert made == ([5] * 4 if optimizer == "Adam" else [])
    assert torchs == {kind: kind.__dict__["_init_group"] for kind in torchs}


@pytest.mark.parametrize(
    ("statement", "op"),
    [
        ("y.requires_grad = False", ".requires_grad="),
        ("y.requires_grad = True", ".requires_grad="),  # even to what it is
        ("w.requires_grad = True", None),
        ("i.requires_grad = True", ".requires_grad="),
        ("x._version", "._version"),
        ("y._version", None),
        ("y.size(3)", None),  # silent, and no matter of autograd
    ],
)
def test_what_was_refused(statement: str, op: str | None) -> None:
    trace = traced(
        f"{LEAVES}; y = w * 2; i = torch.arange(2); with torch.inference_mode(): x = torch.ones(2); {statement}"
    )
    refused = [operation for operation in trace.operations if operation.raised]
    assert [operation.op for operation in refused] == ([op] if op else [])
    assert [trace.line(operation.step) for operation in refused] == ([6] if op else [])
    assert all(trace.tensors[operation.inputs[0]].name == statement[0] for operation in refused)


@pytest.mark.parametrize(
    ("statement", "plain"),
    [
        ("v * s", True),
        ("v * (s / 3)", True),
        ("v.mul(other=s)", True),
        ("torch.tensor([s, 1.])", True),
        ("torch.from_numpy(n)", True),
        ("v * n.mean()", True),
        ("v * 2.5", False),
        ("v * -2.5", False),
        ("v * lr", False),  # spelled out, on another line
        ("v * 2", False),
        ("v * v", False),
        ("v.sum()", False),
    ],
)
def test_which_numbers_came_back(statement: str, plain: bool) -> None:
    trace = traced(f"{LEAVES}; lr = 0.1; s = w.sum().item(); n = w.detach().numpy() * 2; y = {statement}")
    assert any(one.plain for one in trace.operations if trace.line(one.step) == 6) == plain


def test_numbers_do_not_count_before_any_was_taken() -> None:
    trace = traced(f"{LEAVES}; lr = float('0.1'); y = v * lr; s = w.sum().item(); z = v * lr")
    assert [(trace.line(one.step), one.plain) for one in trace.operations if one.op == "mul"] == [(4, False), (6, True)]


def test_what_a_reentrant_checkpoint_was_given() -> None:
    trace = traced(
        f"from torch.utils.checkpoint import checkpoint; {NET}; x = torch.ones(1, 2); "
        "y = checkpoint(net, x, use_reentrant=True); z = checkpoint(net, x, use_reentrant=False)"
    )
    found = [one for one in trace.operations if one.op == "check_backward_validity"]
    assert [(trace.line(one.step), [trace.tensors[key].name for key in one.inputs]) for one in found] == [(5, ["x"])]
