"""An answer → bytes that fit through the pipe. What has to go to make it fit is said in it."""

import msgspec

from app.trace.model import Outcome, Reference, Trace
from app.trace.wire import encode
from app.worker import budget


def fit(answer: Trace | Reference) -> bytes:
    """`answer` in at most `budget.ANSWER_BYTES`: first old values go, then history, then all but the outcome."""
    data = encode(answer)
    if len(data) <= budget.ANSWER_BYTES:
        return data
    if isinstance(answer, Reference):
        return encode(Reference(outcome=Outcome(kind="stopped", reason="size"), grads={}))
    for smaller in (without_values, without_history):
        answer = smaller(answer)
        data = encode(answer)
        if len(data) <= budget.ANSWER_BYTES:
            return data
    return encode(
        Trace(
            environment=answer.environment,
            outcome=Outcome(kind="stopped", reason="size", error=answer.outcome.error),
            stdout=answer.stdout,
            stderr=answer.stderr,
            truncated=("The run recorded more than can be sent; nothing of it is drawn.",),
        )
    )


def without_values(trace: Trace) -> Trace:
    """`trace` without the numbers of its history."""
    replace = msgspec.structs.replace
    nodes = {
        key: replace(node, saved=tuple(replace(saved, values=None, values_read=None) for saved in node.saved))
        for key, node in trace.nodes.items()
    }
    backwards = tuple(
        replace(call, fired=tuple(replace(fired, grad_inputs=(), grad_outputs=()) for fired in call.fired))
        for call in trace.backwards
    )
    storages = {key: replace(storage, contents=()) for key, storage in trace.storages.items()}
    said = "The run recorded more than can be sent: the values of earlier moments are left out."
    return replace(trace, nodes=nodes, backwards=backwards, storages=storages, truncated=(*trace.truncated, said))


def without_history(trace: Trace) -> Trace:
    """`trace` without its operators and without what backward ran."""
    said = "The run recorded more than can be sent: its operators and the order of backward are left out."
    return msgspec.structs.replace(
        trace,
        operations=(),
        backwards=(),
        calls=(),
        nodes={key: msgspec.structs.replace(node, call=None) for key, node in trace.nodes.items()},
        truncated=(*trace.truncated, said),
    )
