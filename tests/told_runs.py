"""Small runs told call by call: those that many tests draw and explain."""

import math

from app.trace.model import Array, ModuleCall, Trace
from tests.builders import Told


def overwritten(by: str) -> Trace:
    """`out = a.sigmoid(); c = out.data` or `.detach()`, `c.zero_(); out.sum().backward()`."""
    told = Told().line(1).line(2)
    a = told.tensor("a", 1.0, 2.0, 3.0, requires_grad=True)
    told.line(3)
    out = told.tensor("out", 0.7311, 0.8808, 0.9526)
    told.node("SigmoidBackward0", out, [a], [("result", out)], op="sigmoid")
    told.line(4)
    c = told.view(out, "c", (3,), (1,), op=by, own_counter=by == ".data")
    told.line(5)
    told.write(c, "zero_", 0.0, 0.0, 0.0)
    told.line(6)
    total = told.tensor(None, 0.0, shape=(), expression="out.sum()", alive=False)
    told.node("SumBackward0", total, [out], op="sum")
    told.backward(total)
    told.line(7)
    return told.trace()


def two_networks() -> Trace:
    """`B(A(x).detach())`, then backward: only B is reached."""
    told = Told().line(1)
    x = told.tensor("x", 1.0, 2.0, shape=(1, 2))
    kept = {}
    for name in ("A.weight", "A.bias", "B.weight", "B.bias"):
        shape = (2, 2) if name == "A.weight" else (2,)
        kept[name] = told.tensor(
            name, *(0.1 * at for at in range(math.prod(shape))), shape=shape, requires_grad=True, parameter=True
        )
    told.line(2)
    told.calls += [ModuleCall(module="A", kind="Linear", parent=None, step=told.step)]
    told.calls += [ModuleCall(module="B", kind="Linear", parent=None, step=told.step)]

    def linear(name: str, given: str, call: int, expression: str) -> str:
        told.call = call
        turned = told.tensor(None, 0.0, 0.1, alive=False)
        told.node("TBackward0", turned, [kept[f"{name}.weight"]], op="t")
        made = told.tensor(None, 0.5, 0.6, shape=(1, 2), expression=expression)
        told.node("AddmmBackward0", made, [kept[f"{name}.bias"], given, turned], [("mat1", given)], op="linear")
        told.call = None
        return made

    between = linear("A", x, 0, "A(x)")
    cut = told.view(between, None, (1, 2), (2, 1), op="detach")
    y = linear("B", cut, 1, "B(A(x).detach())")
    told.line(3)
    total = told.tensor("loss", 1.1, shape=())
    told.node("SumBackward0", total, [y], op="sum")
    told.backward(total)
    return told.trace()


def views() -> Trace:
    """A matrix, a row, a column, its transpose, an expanded scalar, `detach`, `.data` and a numpy array."""
    told = Told().line(1)
    x = told.tensor("x", 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, shape=(2, 3))
    told.view(x, "row", (3,), (1,), 3, op="__getitem__")
    told.view(x, "col", (2,), (3,), 1, op="__getitem__")
    told.view(x, "t", (3, 2), (1, 3), op="t")
    told.view(x, "d", (2, 3), (3, 1), op="detach")
    told.view(x, "hidden", (2, 3), (3, 1), op=".data", own_counter=True)
    told.line(2)
    one = told.tensor("one", 7.0, shape=())
    told.view(one, "wide", (4, 3), (0, 0), op="expand")
    told.arrays.append(Array(name="arr", shape=(2, 3), stride=(3, 1), offset=0, dtype="float32", storage="s0"))
    return told.trace()


def a_chain(length: int, *, lines: bool = True) -> Trace:
    """`x = x * 2`, `length` times, each on a line of its own, or all on one."""
    told = Told().line(1)
    value = told.tensor("x", 1.0, requires_grad=True)
    for at in range(length):
        if lines or not at:
            told.line(at + 2)
        made = told.tensor(None, 1.0, alive=False, expression="x * 2")
        told.node("MulBackward0", made, [value, None], op="mul")
        value = made
    told.line(length + 2)
    told.backward(value)
    return told.trace()


def a_residual_net(blocks: int) -> Trace:
    """`x = x + layer(x)`: each block a module call of four nodes and two leaves, and an addition around it."""
    told = Told().line(1)
    value = told.tensor("x", 1.0, 2.0)
    leaves = [told.tensor(f"net.{at}.weight", 0.5, 0.5, requires_grad=True, parameter=True) for at in range(blocks)]
    told.line(2)
    for at in range(blocks):
        told.calls.append(ModuleCall(module=f"net.{at}", kind="Block", parent=None, step=told.step))
        told.call = at
        inner = value
        for name in ("MulBackward0", "ReluBackward0", "MulBackward0"):
            made = told.tensor(None, 1.0, 1.0, alive=False)
            told.node(name, made, [inner, leaves[at]], [("self", inner)])
            inner = made
        told.call = None
        both = told.tensor(None, 2.0, 2.0, alive=False, expression="x + layer(x)")
        told.node("AddBackward0", both, [value, inner], op="add")
        value = both
    told.backward(value)
    return told.trace()


def a_loop(passes: int) -> Trace:
    """`loss = (w * x).sum(); loss.backward()` in a loop: a graph of its own for each pass."""
    told = Told().line(1)
    w = told.tensor("w", 1.0, 2.0, requires_grad=True)
    x = told.tensor("x", 3.0, 4.0)
    for _ in range(passes):
        told.line(3)
        product = told.tensor(None, 3.0, 8.0, alive=False, expression="w * x")
        told.node("MulBackward0", product, [w, x], [("other", x)], op="mul")
        loss = told.tensor("loss", 11.0, shape=(), alive=False)
        told.node("SumBackward0", loss, [product], op="sum")
        told.line(4)
        told.backward(loss)
    return told.trace()
