"""An answer fits through the pipe: what goes first is what matters least, and it is said."""

import sys

import msgspec
import pytest

from app.trace.model import (
    Backward,
    Environment,
    Fired,
    Node,
    Operation,
    Outcome,
    Reference,
    SavedTensor,
    Step,
    Storage,
    Tensor,
    Trace,
    Values,
)
from app.trace.wire import Request, decode_reference, decode_trace, encode
from app.worker import budget
from app.worker.fit import fit
from app.worker.run import Run

PIPE = budget.ANSWER_BYTES


@pytest.fixture(autouse=True)
def _a_small_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that not all of these traces have to be huge."""
    monkeypatch.setattr(budget, "ANSWER_BYTES", 6 * 2**20)


VALUES = Values(shape=(64,), dtype="float32", flat=(1.0,) * 64)


def a_trace(fired: int = 1, operations: int = 1, tensors: int = 1, stdout: str = "printed") -> Trace:
    """A trace with that much of each."""
    saved = SavedTensor(slot="self", tensor="t0", saved_at=0, version=0, values=VALUES, values_read=VALUES)
    return Trace(
        environment=Environment(torch="2", python="3", tapescope="0"),
        outcome=Outcome(kind="finished"),
        stdout=stdout,
        steps=(Step(line=1),),
        tensors={
            f"t{index}": Tensor(
                shape=(64,), stride=(1,), offset=0, dtype="float32", storage="s0", counter=None, values=VALUES
            )
            for index in range(tensors)
        },
        storages={"s0": Storage(size_bytes=256, dtype="float32")},
        nodes={"n0": Node(name="MulBackward0", saved=(saved,), step=0, call=None)},
        operations=tuple(Operation(step=0, op="mul", expression="x" * 200) for _ in range(operations)),
        backwards=(Backward(step=0, fired=tuple(Fired(node="n0", grad_outputs=(VALUES,)) for _ in range(fired))),),
        truncated=("said before",),
    )


def test_what_fits_is_sent_as_it_is() -> None:
    assert fit(a_trace()) == encode(a_trace())
    assert decode_trace(fit(a_trace())) == a_trace()


def test_old_values_go_first() -> None:
    sent = fit(a_trace(fired=12_000))
    assert len(sent) <= budget.ANSWER_BYTES
    trace = decode_trace(sent)
    assert len(trace.backwards[0].fired) == 12_000
    assert trace.nodes["n0"].saved[0].values is None
    assert trace.nodes["n0"].saved[0].slot == "self"
    assert trace.tensors["t0"].values == VALUES
    assert trace.truncated[0] == "said before"
    assert len(trace.truncated) == 2
    assert "values" in trace.truncated[1]


def test_then_history_goes() -> None:
    sent = fit(a_trace(operations=40_000))
    assert len(sent) <= budget.ANSWER_BYTES
    trace = decode_trace(sent)
    assert (trace.operations, trace.backwards, trace.calls) == ((), (), ())
    assert trace.tensors["t0"].values == VALUES
    assert list(trace.nodes) == ["n0"]
    assert trace.stdout == "printed"
    assert len(trace.truncated) == 3


def test_then_all_but_the_outcome_and_the_output() -> None:
    sent = fit(a_trace(tensors=12_000))
    assert len(sent) <= budget.ANSWER_BYTES
    trace = decode_trace(sent)
    assert (trace.outcome.kind, trace.outcome.reason) == ("stopped", "size")
    assert trace.stdout == "printed"
    assert trace.tensors == {}
    assert trace.truncated


def test_a_line_stays_known_when_only_the_outcome_is_left() -> None:
    whole = msgspec.structs.replace(a_trace(tensors=12_000), outcome=Outcome(kind="stopped", reason="time", line=7))
    assert decode_trace(fit(whole)).outcome.reason in ("time", "size")


@pytest.mark.parametrize(("count", "kept"), [(1, True), (12_000, False)])
def test_a_reference_is_sent_whole_or_not_at_all(count: int, kept: bool) -> None:
    reference = Reference(outcome=Outcome(kind="finished"), grads={f"w{index}": VALUES for index in range(count)})
    sent = fit(reference)
    assert len(sent) <= budget.ANSWER_BYTES
    if kept:
        assert decode_reference(sent) == reference
    else:
        assert decode_reference(sent).outcome.reason == "size"
        assert decode_reference(sent).grads == {}


@pytest.mark.parametrize(
    "body",
    [
        "b = b * 1.0001",
        "b = (b * 1.0001).sigmoid().neg()",
        "(b * b).sum().backward()",
        "b.data.mul_(1)",
    ],
)
def test_a_run_that_is_stopped_at_the_limits_answers_with_what_it_recorded(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "ANSWER_BYTES", PIPE)
    sent: list[bytes] = []

    def send(answer: bytes) -> None:
        sent.append(answer)
        raise SystemExit  # a child of the sandbox leaves here

    source = f"import torch\nb = torch.ones(3, requires_grad=True)\nfor _ in range({budget.STEPS}):\n    {body}\nstop()"
    run = Run(Request(kind="trace", source=source, output_bytes=1_000), memoryview(bytearray(8)).cast("q"), send)
    run._main.__dict__["stop"] = lambda: run.stop("time", sys._getframe(1))
    run.trace()
    trace = decode_trace(sent[0])
    assert (trace.outcome.reason, trace.outcome.line) == ("time", 5)
    assert any("recorded" in said for said in trace.truncated)
    assert not any("than can be sent" in said for said in trace.truncated)
    assert len(trace.operations) > 1_000
    last = trace.final["b"].node
    if last is not None and last in trace.nodes:
        assert trace.nodes[last].step is None, "recorded after the last line that is known"
