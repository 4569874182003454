"""An answer that contradicts itself is no Trace: it comes from a process that ran a stranger's snippet."""

import pytest
from msgspec.structs import replace

from app.trace.model import (
    Backward,
    Binding,
    Check,
    Content,
    Counter,
    Edge,
    Fired,
    GradTurn,
    IdleUpdate,
    Node,
    ParamGroup,
    SavedTensor,
    Step,
    Storage,
    Tensor,
    Trace,
    Turn,
)
from app.trace.wire import ForgedAnswer, decode_trace, encode
from tests.builders import a_trace

T = Tensor(shape=(2,), stride=(1,), offset=0, dtype="float32", storage="s0", counter="v0")
S = Storage(size_bytes=8, dtype="float32", packing="f")
SAVED = SavedTensor(slot="self", tensor="t0", saved_at=0, version=0)
HONEST = replace(
    a_trace(tensors={"t0": T, "t1": T}, counters={"v0": Counter(version=0)}),
    steps=(Step(line=1, moment=1), Step(line=2, moment=3, function="f", frame=1, caller=0)),
    nodes={"n0": Node(name="SinBackward0", saved=(SAVED,))},
    storages={"s0": S},
)


def turned(**changes: object) -> Trace:
    """Honest but for its first tensor."""
    return replace(HONEST, tensors={"t0": replace(T, **changes), "t1": T})


def held(*contents: Content, **changes: object) -> Trace:
    """Honest but for what its storage held."""
    return replace(HONEST, storages={"s0": replace(S, contents=contents, **changes)})


def fired(*nodes: Fired) -> Trace:
    """Honest but for its backward."""
    return replace(HONEST, backwards=(Backward(step=0, fired=nodes),))


def bound(*bindings: Binding) -> Trace:
    """Honest but for its names."""
    return replace(HONEST, bindings=bindings)


WHOLE = Content(moment=1, cells=b"\0" * 8, resized=True)
HONEST_ONES = {
    "as it is": HONEST,
    "turns at one moment": turned(turns=(Turn(moment=2, node="n0"), Turn(moment=2))),
    "gradients": turned(grads=(GradTurn(moment=1, tensor="t1"), GradTurn(moment=4))),
    "contents": held(WHOLE, Content(moment=3, start=1, cells=b"\0" * 4), Content(moment=4)),
    "complex cells": held(replace(WHOLE, cells=b"\0" * 16), packing="D"),
    "checks": fired(Fired(node="n0", moment=2, checks=(Check(slot=0),)), Fired(node="n0", moment=3)),
    "optimizers": replace(
        HONEST,
        param_groups=(ParamGroup(step=1, optimizer="SGD", params=("t0",)),),
        idle_updates=(IdleUpdate(step=1, optimizer="SGD", params=("t0",), moment=3),),
    ),
    "names": bound(Binding(moment=1, name="x", tensor="t0"), Binding(moment=3, name="x")),
    "a tensor that goes on": replace(HONEST, tensors={"t0": T, "t1": replace(T, continues="t0")}),
}
FORGED = {
    "lines out of order": replace(HONEST, steps=(Step(line=1, moment=2), Step(line=2, moment=1))),
    "a caller that never ran": replace(HONEST, steps=(Step(line=1, moment=1, caller=1),)),
    "a caller that is its own": replace(HONEST, steps=(Step(line=1, moment=1, caller=0),)),
    "a line without end": replace(HONEST, steps=(Step(line=1, moment=2**62),)),
    "a node without end": fired(Fired(node="n0", moment=2**62)),
    "a rest without end": replace(HONEST, unobserved=2**62),
    "a stride too many": turned(stride=(1, 1)),
    "a shape below nothing": turned(shape=(-1,)),
    "nodes out of order": fired(Fired(node="n0", moment=3), Fired(node="n0", moment=2)),
    "a check of nothing": fired(Fired(node="n0", moment=2, checks=(Check(slot=1),))),
    "turns out of order": turned(turns=(Turn(moment=3), Turn(moment=2))),
    "a turn to no node": turned(turns=(Turn(moment=1, node="n1"),)),
    "gradients out of order": turned(grads=(GradTurn(moment=3), GradTurn(moment=2))),
    "a gradient that is no tensor": turned(grads=(GradTurn(moment=1, tensor="t2"),)),
    "versions out of order": replace(HONEST, counters={"v0": Counter(version=2, moves=((3, 1), (2, 2)))}),
    "contents out of order": held(WHOLE, replace(WHOLE, moment=0)),
    "half a cell": held(replace(WHOLE, cells=b"\0" * 7)),
    "half a complex cell": held(replace(WHOLE, cells=b"\0" * 12), packing="F"),
    "cells of no kind": held(WHOLE, packing=""),
    "more contents than memory": held(
        replace(WHOLE, cells=b"\0" * 20_000), *[Content(moment=2, cells=b"\0")] * 10_000, packing="B"
    ),
    "names out of order": bound(Binding(moment=3, name="x"), Binding(moment=2, name="y")),
    "a name for nothing": bound(Binding(moment=1, name="x", tensor="t2")),
    "a parameter that is no tensor": replace(
        HONEST, param_groups=(ParamGroup(step=0, optimizer="SGD", params=("t2",)),)
    ),
    "parameters of no line": replace(HONEST, param_groups=(ParamGroup(step=2, optimizer="SGD"),)),
    "an update of no tensor": replace(HONEST, idle_updates=(IdleUpdate(step=0, optimizer="SGD", params=("t2",)),)),
    "an update on no line": replace(HONEST, idle_updates=(IdleUpdate(step=2, optimizer="SGD"),)),
    "prints out of order": replace(HONEST, printed=((3, 1), (2, 2))),
    "an edge to nowhere": replace(HONEST, nodes={"n0": Node(name="X", inputs=(Edge(node="n1", index=0),))}),
    "a tensor that goes on for ever": replace(
        HONEST, tensors={"t0": replace(T, continues="t1"), "t1": replace(T, continues="t0")}
    ),
    "a tensor that goes on as itself": turned(continues="t0"),
}


@pytest.mark.parametrize("trace", HONEST_ONES.values(), ids=HONEST_ONES.keys())
def test_honest_answers_come_back_as_they_were(trace: Trace) -> None:
    assert decode_trace(encode(trace)) == trace


@pytest.mark.parametrize("trace", FORGED.values(), ids=FORGED.keys())
def test_forged_answers_are_refused(trace: Trace) -> None:
    with pytest.raises(ForgedAnswer):
        decode_trace(encode(trace))
