"""Runs for the tape, told by hand: each has something that a drawing could get wrong."""

from collections.abc import Callable

from msgspec.structs import replace

from app.trace.model import Array, Content, Error, Outcome, Scalar, Step, Trace
from tests.builders import Told
from tests.told_runs import overwritten

HOSTILE = "<script>alert(1)</script>&\"'"
LONG = "a_name_that_goes_on_and_on_and_never_seems_to_stop_" * 3


def by_data() -> Trace:
    """Written through `.data`: backward reads zeros, and nothing complains."""
    return overwritten(".data")


def by_detach() -> Trace:
    """Written through `.detach()`: the read is refused, and the run stops there."""
    trace = overwritten("detach")
    error = Error(type="RuntimeError", message="modified by an inplace operation", line=6)
    return replace(trace, steps=trace.steps[:6], outcome=Outcome(kind="raised", error=error))


def by_numpy() -> Trace:
    """Written by numpy: no operator, no counter."""
    told = Told().line(1).line(2)
    x = told.tensor("x", 1.0, 2.0, 3.0, requires_grad=True)
    told.line(3)
    y = told.tensor("y", 2.718, 7.389, 20.09)
    told.node("ExpBackward0", y, [x], [("result", y)], op="exp")
    told.line(4)
    told.arrays.append(
        Array(name="arr", shape=(3,), stride=(1,), offset=0, dtype="float32", storage=told.tensors[y].storage or "")
    )
    told.line(5)
    told.write(y, "(not an operator)", 2.718, 100.0, 20.09, seen=False)
    told.writes[-1] = replace(told.writes[-1], through=None, name="arr")
    told.line(6)
    total = told.tensor(None, 122.8, shape=(), expression="y.sum()", alive=False)
    told.node("SumBackward0", total, [y], op="sum")
    told.backward(total)
    return told.trace()


def no_backward() -> Trace:
    """Written unseen after a save that nothing read."""
    told = Told().line(1)
    x = told.tensor("x", 1.0, 2.0, requires_grad=True)
    told.line(2)
    y = told.tensor("y", 2.718, 7.389)
    node = told.node("ExpBackward0", y, [x], [("result", y)], op="exp")
    told.line(3)
    alias = told.view(y, None, (2,), (1,), op=".data", own_counter=True)
    told.write(alias, "zero_", 0.0, 0.0)
    (saved,) = told.nodes[node].saved
    told.nodes[node] = replace(told.nodes[node], saved=(replace(saved, intact_now=False),))
    return told.trace()


def clean() -> Trace:
    """Two tensors saved, both read as they were."""
    told = Told().line(1)
    x = told.tensor("x", 1.0, 2.0, requires_grad=True)
    told.line(2)
    w = told.tensor("w", 3.0, 4.0, requires_grad=True)
    told.line(3)
    y = told.tensor("y", 3.0, 8.0)
    told.node("MulBackward0", y, [x, w], [("self", x), ("other", w)], op="mul")
    told.line(4)
    told.backward(y)
    return told.trace()


def twice() -> Trace:
    """Backward twice through one graph: what it had saved is freed."""
    told = Told().line(1)
    x = told.tensor("x", 1.0, 2.0, requires_grad=True)
    told.line(2)
    y = told.tensor("y", 2.718, 7.389)
    node = told.node("ExpBackward0", y, [x], [("result", y)], op="exp")
    told.line(3)
    told.backward(y)
    told.line(4)
    first = told.backwards[0]
    told.backwards.append(
        replace(first, step=3, fired=(replace(first.fired[0], finished=False, checks=()),), raised=True)
    )
    assert told.nodes[node].freed
    return replace(told.trace(), outcome=Outcome(kind="raised", error=Error(type="RuntimeError", message="", line=4)))


def loop(passes: int = 300, hidden_in: int | None = None) -> Trace:
    """A training loop: `w` is saved, read and written in each pass; in one of them perhaps written unseen."""
    told = Told().line(1)
    w = told.tensor("w", 1.0, 2.0, requires_grad=True)
    for at in range(passes):
        told.line(2).line(3)
        y = told.tensor("y", 1.0 + at, 4.0, alive=at == passes - 1)
        told.node("MulBackward0", y, [w], [("self", w)], op="mul")
        told.line(4)
        if at == hidden_in:
            alias = told.view(w, None, (2,), (1,), op=".data", own_counter=True)
            told.write(alias, "zero_", 0.0, 0.0)
        told.line(5)
        told.backward(y)
        told.line(6)
        told.write(w, "sub_", 1.0 - at / 100, 2.0)
    told.line(2).line(7)
    return told.trace()


def steps(count: int = 10_000) -> Trace:
    """Many lines, two loops in each other, one tensor."""
    told = Told().line(1)
    told.tensor("x", 0.0, 0.0, requires_grad=True)
    told.steps += [Step(line=2 + at % 4 if at % 40 else 2) for at in range(count - 1)]
    return told.trace()


def straight(lines: int = 90) -> Trace:
    """A long run without a loop: every line saves what the last one made."""
    told = Told().line(1)
    key = told.tensor("v0", 1.0, 2.0, requires_grad=True)
    for at in range(1, lines):
        told.line(at + 1)
        made = told.tensor(f"v{at}", 1.0, 2.0)
        told.node("MulBackward0", made, [key], [("self", key)], op="mul")
        key = made
    told.line(lines + 1)
    told.backward(key)
    return told.trace()


def many() -> Trace:
    """Twelve storages, all written, and a stale one among them."""
    told = Told()
    kept: list[str] = []
    for at in range(12):
        told.line(at + 1)
        kept.append(told.tensor(f"t{at}", float(at), -float(at), requires_grad=True))
    told.line(13)
    y = told.tensor("y", 1.0, 2.0)
    told.node("MulBackward0", y, [kept[3], kept[4]], [("self", kept[3]), ("other", kept[4])], op="mul")
    for at in range(12):
        told.line(14 + at)
        told.write(kept[at], "add_", 1.0, 1.0)
    told.line(30)
    told.backward(y)
    return told.trace()


def hostile() -> Trace:
    """Names that are long, that are markup, that are not Latin; numbers that are not finite."""
    told = Told().line(1)
    flat: tuple[Scalar, ...] = ("nan", "inf", "-inf", 1e-30, -1e30, 123456.789)
    a = told.tensor(LONG, *flat, requires_grad=True)
    told.line(2)
    b = told.tensor(HOSTILE, *flat)
    told.node(HOSTILE, b, [a], [(HOSTILE, b), (LONG, a)], op=HOSTILE)
    told.line(3)
    alias = told.view(b, "数据" * 40, (6,), (1,), op=".data", own_counter=True)
    told.write(alias, LONG, "nan", "nan", "nan", 0.0, 0.0, 0.0)
    told.line(4)
    told.backward(b)
    return replace(
        told.trace(), outcome=Outcome(kind="raised", error=Error(type=HOSTILE + LONG, message=HOSTILE, line=4))
    )


def unknown() -> Trace:
    """Written twice; only what was left at the end is known."""
    told = Told().line(1)
    x = told.tensor("x", 1.0, 2.0, 3.0)
    for number in (2, 3, 4, 5):
        told.line(number)
        if number in (3, 5):
            told.write(x, "add_", float(number), float(number), float(number))
    trace = told.trace()
    storage = trace.storages["s0"]
    forgotten = tuple(Content(moment=one.moment) for one in storage.contents[:2])
    return replace(trace, storages={"s0": replace(storage, contents=(*forgotten, storage.contents[2]))})


def large() -> Trace:
    """A matrix too large to list, saved and read."""
    told = Told().line(1)
    x = told.tensor("x", shape=(64, 64), requires_grad=True, known=False)
    told.line(2)
    y = told.tensor("y", shape=(64, 64), known=False)
    told.node("SigmoidBackward0", y, [x], [("result", y)], op="sigmoid")
    told.line(3)
    told.backward(y)
    return told.trace()


RUNS: dict[str, Callable[[], Trace]] = {
    run.__name__: run
    for run in (
        by_data,
        by_detach,
        by_numpy,
        no_backward,
        clean,
        twice,
        loop,
        steps,
        straight,
        many,
        hostile,
        unknown,
        large,
    )
}
RUNS["loop_hidden"] = lambda: loop(60, hidden_in=30)
