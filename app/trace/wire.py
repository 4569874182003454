"""Trace to bytes and back, for the process boundary.

The bytes come from a process that ran a stranger's snippet: decoding checks every type and bound
of the model, and that ids point at something, so that the rest of the app may rely on them.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Literal

import msgspec

from app.trace.model import Reference, Storage, Trace
from app.trace.numeric import Numeric
from app.trace.packing import is_packed, size_of

_MOST_MOMENTS = 250_000  # several times what any run records: who goes from one to the next must come to an end
_MOST_CELLS = 2**26  # of all contents at all moments, the changes put together: more than any run keeps


class ForgedAnswer(ValueError):  # noqa: N818  # it says what the answer is
    """The bytes are no answer of ours, or one that contradicts itself."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to run, and how much of its output to keep."""

    kind: Literal["trace", "reference", "numeric"]
    source: str
    output_bytes: int


encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(Request).decode
_decode_trace = msgspec.msgpack.Decoder(Trace).decode
_decode_reference = msgspec.msgpack.Decoder(Reference).decode
_decode_numeric = msgspec.msgpack.Decoder(Numeric).decode


def decode_trace(answer: bytes) -> Trace:
    """The Trace in `answer`. Raises ForgedAnswer for anything else."""
    try:
        trace = _decode_trace(answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ForgedAnswer(str(error)) from error
    for what in _dangling(trace):
        raise ForgedAnswer(f"{what} points at nothing")
    return trace


def decode_reference(answer: bytes) -> Reference:
    """The Reference in `answer`. Raises ForgedAnswer for anything else."""
    try:
        return _decode_reference(answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ForgedAnswer(str(error)) from error


def decode_numeric(answer: bytes) -> Numeric:
    """The Numeric in `answer`. Raises ForgedAnswer for anything else."""
    try:
        return _decode_numeric(answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ForgedAnswer(str(error)) from error


def _dangling(trace: Trace) -> Iterator[str]:
    """What in `trace` names an id or a step that is not there."""
    tensors, storages, counters, nodes = trace.tensors, trace.storages, trace.counters, trace.nodes
    steps = len(trace.steps)

    def missing(key: str | None, table: Mapping[str, object]) -> bool:
        return key is not None and key not in table

    def late(step: int | None) -> bool:
        return step is not None and not 0 <= step < steps

    def late_call(call: int | None) -> bool:
        return call is not None and call >= len(trace.calls)

    for at, step in enumerate(trace.steps):
        if step.caller is not None and step.caller >= at:  # going from one to the next must end
            yield f"step of line {step.line}"
    for key, tensor in tensors.items():
        if any(missing(turn.node, nodes) for turn in tensor.turns):
            yield f"tensor {key}"
        if any(missing(turn.tensor, tensors) for turn in tensor.grads):
            yield f"gradient of {key}"
        if missing(tensor.storage, storages) or missing(tensor.counter, counters) or missing(tensor.node, nodes):
            yield f"tensor {key}"
        if tensor.continues is not None and int(tensor.continues[1:]) >= int(key[1:]):
            yield f"tensor {key}"  # going from one to the next must end
        if missing(tensor.base, tensors) or missing(tensor.continues, tensors) or late(tensor.step):
            yield f"tensor {key}"
        if tensor.stride is not None and (len(tensor.stride) != len(tensor.shape) or min(tensor.shape, default=0) < 0):
            yield f"a stride of {key}"
    for key, node in nodes.items():
        if any(edge and edge.node not in nodes for edge in node.inputs) or late(node.step):
            yield f"node {key}"
        if any(tensor not in tensors for tensor in node.tensors) or late_call(node.call):
            yield f"node {key}"
        for saved in node.saved:
            if missing(saved.tensor, tensors) or late(saved.saved_at):
                yield f"saved tensor {saved.slot} of {key}"
    for key, storage in storages.items():
        if late(storage.step):
            yield f"storage {key}"
    for key, counter in counters.items():
        if late(counter.step):
            yield f"counter {key}"
    for call in trace.calls:
        if late(call.step) or (call.parent is not None and call.parent >= len(trace.calls)):
            yield f"call of {call.module}"
    for array in trace.arrays:
        if array.storage not in storages or len(array.stride) != len(array.shape):
            yield f"array {array.name}"
    for operation in trace.operations:
        if late(operation.step) or any(key not in tensors for key in operation.inputs + operation.outputs):
            yield f"operation {operation.op}"
    for write in trace.writes:
        if late(write.step) or write.storage not in storages:
            yield f"write {write.op}"
        if missing(write.counter, counters) or missing(write.through, tensors):
            yield f"write {write.op}"
    for group in trace.param_groups:
        if late(group.step) or any(key not in tensors for key in group.params):
            yield f"parameters of {group.optimizer}"
    for update in trace.idle_updates:
        if late(update.step) or any(key not in tensors for key in update.params):
            yield f"an update by {update.optimizer}"
    for backward in trace.backwards:
        if late(backward.step) or any(key not in tensors for key in backward.roots + backward.inputs):
            yield "backward"
        for fired in backward.fired:
            if fired.node not in nodes or any(check.slot >= len(nodes[fired.node].saved) for check in fired.checks):
                yield "backward"
    for binding in trace.bindings:
        if missing(binding.tensor, tensors):
            yield f"binding of {binding.name}"
    yield from _out_of_order(trace)
    for name, final in trace.final.items():
        if missing(final.node, nodes) or missing(final.tensor, tensors):
            yield f"final {name}"
        if missing(final.storage, storages) or missing(final.counter, counters):
            yield f"final {name}"


def _out_of_order(trace: Trace) -> Iterator[str]:
    """What does not follow in time, or has more cells than bytes."""

    def falls(moments: Iterable[int]) -> bool:
        return any(later < earlier for earlier, later in pairwise(moments))

    lasting = [trace.unobserved or 0, *(step.moment for step in trace.steps[-1:])]
    if (
        max([*lasting, *(fired.moment for backward in trace.backwards for fired in backward.fired[-1:])])
        > _MOST_MOMENTS
    ):
        yield "a moment"
    if falls(step.moment for step in trace.steps):
        yield "the order of lines"
    for backward in trace.backwards:
        if falls(fired.moment for fired in backward.fired):
            yield "the order of backward"
    for key, tensor in trace.tensors.items():
        if falls(turn.moment for turn in tensor.turns) or falls(turn.moment for turn in tensor.grads):
            yield f"the turns of {key}"
    for key, counter in trace.counters.items():
        if falls(moment for moment, _ in counter.moves):
            yield f"the moves of {key}"
    for key, storage in trace.storages.items():
        if falls(content.moment for content in storage.contents) or any(
            not is_packed(content.cells, storage.packing) for content in storage.contents
        ):
            yield f"the contents of {key}"
    if sum(map(_cells, trace.storages.values())) > _MOST_CELLS:
        yield "more contents than a run keeps"
    if falls(moment for moment, _ in trace.printed) or falls(binding.moment for binding in trace.bindings):
        yield "the order of names"


def _cells(storage: Storage) -> int:
    """How many cells all contents of `storage` have that its changes, put together, give."""
    total = whole = 0
    for content in storage.contents:
        count = len(content.cells) // size_of(storage.packing)
        whole = count if content.resized else max(whole, content.start + count)
        total += whole
    return total
