"""A Trace made by hand: the `.data` snippet, as torch 2.13 runs it."""

from typing import Any

import msgspec

from app.trace.model import (
    Backward,
    Check,
    Counter,
    Edge,
    Environment,
    Final,
    Fired,
    Node,
    Operation,
    Outcome,
    SavedTensor,
    Step,
    Storage,
    Tensor,
    Trace,
    Values,
    Write,
)
from tests.builders import numbered

ENVIRONMENT = Environment(torch="2.13.0", python="3.11.2", tapescope="0.1.0")


def values(*flat: float | int | str | bool, shape: tuple[int, ...] | None = None) -> Values:
    """Contents of a float32 tensor."""
    return Values(shape=(len(flat),) if shape is None else shape, dtype="float32", flat=flat)  # type: ignore[arg-type]  # as wide as a Scalar


SIGMOID = values(0.7310586, 0.8807971, 0.9525741)
ZEROS = values(0.0, 0.0, 0.0)
ONES = values(1.0, 1.0, 1.0)


def _tensor(**fields: Any) -> Tensor:
    return Tensor(**{"shape": (3,), "stride": (1,), "offset": 0, "dtype": "float32", "alive": True, **fields})


def data_trace(**fields: Any) -> Trace:
    """The Trace of the site's first example; `fields` replace its own."""
    trace = Trace(
        environment=ENVIRONMENT,
        outcome=Outcome(kind="finished"),
        stdout="tensor([0., 0., 0.])\n",
        steps=tuple(Step(line=line) for line in range(1, 8)),
        tensors={
            "t0": _tensor(
                storage="s0",
                counter="v0",
                names=("a",),
                step=1,
                op="tensor",
                node="n2",
                requires_grad=True,
                values=values(1.0, 2.0, 3.0),
            ),
            "t1": _tensor(
                storage="s1",
                counter="v1",
                names=("out",),
                step=2,
                op="sigmoid",
                node="n0",
                is_leaf=False,
                requires_grad=True,
                values=ZEROS,
            ),
            "t2": _tensor(storage="s1", counter="v2", names=("c",), step=3, op=".data", base="t1", values=ZEROS),
            "t3": _tensor(
                shape=(),
                stride=(),
                storage="s2",
                counter="v3",
                expression="out.sum()",
                step=5,
                op="sum",
                node="n1",
                is_leaf=False,
                requires_grad=True,
                alive=False,
                values=values(0.0, shape=()),
            ),
        },
        storages={
            "s0": Storage(size_bytes=12, dtype="float32", step=1, alive=True, values=values(1.0, 2.0, 3.0)),
            "s1": Storage(size_bytes=12, dtype="float32", step=2, alive=True, values=ZEROS),
            "s2": Storage(size_bytes=4, dtype="float32", step=5, values=values(0.0)),
        },
        counters={
            "v0": Counter(version=0, step=1),
            "v1": Counter(version=0, step=2),
            "v2": Counter(version=1, step=3),
            "v3": Counter(version=0, step=5),
        },
        nodes={
            "n0": Node(
                name="SigmoidBackward0",
                inputs=(Edge(node="n2", index=0),),
                step=2,
                tensors=("t1",),
                freed=True,
                saved=(
                    SavedTensor(
                        slot="result",
                        tensor="t1",
                        saved_at=2,
                        version=0,
                        version_read=0,
                        version_now=0,
                        intact=False,
                        values=SIGMOID,
                        values_read=ZEROS,
                    ),
                ),
            ),
            "n1": Node(name="SumBackward0", inputs=(Edge(node="n0", index=0),), step=5, tensors=("t3",), freed=True),
            "n2": Node(name="AccumulateGrad", step=2, tensors=("t0",)),
        },
        operations=(
            Operation(
                step=1, op="tensor", expression="torch.tensor([1., 2., 3.], requires_grad=True)", outputs=("t0",)
            ),
            Operation(step=2, op="sigmoid", expression="a.sigmoid()", inputs=("t0",), outputs=("t1",)),
            Operation(step=3, op=".data", expression="out.data", inputs=("t1",), outputs=("t2",)),
            Operation(step=4, op="zero_", expression="c.zero_()", inputs=("t2",), outputs=("t2",)),
            Operation(step=5, op="sum", expression="out.sum()", inputs=("t1",), outputs=("t3",)),
            Operation(step=5, op="backward", expression="out.sum().backward()", inputs=("t3",)),
        ),
        writes=(Write(step=4, line=5, op="zero_", storage="s1", counter="v2", through="t2", version=1, name="c"),),
        backwards=(
            Backward(
                step=5,
                roots=("t3",),
                fired=(
                    Fired(node="n1", grad_inputs=(ONES,), grad_outputs=(values(1.0, shape=()),)),
                    Fired(
                        node="n0",
                        grad_inputs=(ZEROS,),
                        grad_outputs=(ONES,),
                        checks=(Check(slot=0, version=0, intact=False),),
                    ),
                    Fired(node="n2", grad_outputs=(ZEROS,)),
                ),
            ),
        ),
        final={
            "a": Final(
                tensor="t0",
                storage="s0",
                counter="v0",
                version=0,
                is_leaf=True,
                requires_grad=True,
                node=None,
                grad_fn=None,
                grad=ZEROS,
            ),
            "out": Final(
                tensor="t1",
                storage="s1",
                counter="v1",
                version=0,
                is_leaf=False,
                requires_grad=True,
                node="n0",
                grad_fn="SigmoidBackward0",
                grad=None,
            ),
            "c": Final(
                tensor="t2",
                storage="s1",
                counter="v2",
                version=1,
                is_leaf=True,
                requires_grad=False,
                node=None,
                grad_fn=None,
                grad=None,
            ),
        },
    )
    return numbered(msgspec.structs.replace(trace, **fields))
