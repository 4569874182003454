"""Questions about writes that autograd does not see: by which route, and of what a custom Function keeps by itself."""

from collections.abc import Iterator

from msgspec import Struct

from app.trace.model import Backward, Fired, Operation, SavedTensor, Trace, Write

_EXPOSING = frozenset(
    [
        *("numpy", "__array__", "data_ptr", "untyped_storage", "storage", "_typed_storage", "__dlpack__"),
        *("from_numpy", "frombuffer", "asarray", "as_tensor", "share_memory_"),
    ]
)


class Kept(Struct, frozen=True):
    """A tensor that was an attribute of ctx, had changed when backward came to its node, and was read there."""

    node: str
    saved: SavedTensor
    write: Write | None  # the first one that changed it, where it was seen
    read_at: int  # the step that read it
    backward: Backward
    moment: int  # at which the node ran


def route(trace: Trace, write: Write) -> str | None:
    """The reader's words for what memory was written through where no operator ran: "array", "x.untyped_storage()"."""
    if write.name:
        return write.name
    for operation in reversed(trace.operations):
        if operation.moment <= write.moment and operation.op in _EXPOSING and is_over(trace, operation, write.storage):
            return _bound(trace, operation) or operation.expression
    return None


def is_over(trace: Trace, operation: Operation, storage: str) -> bool:
    """Whether an operator read or made a tensor over `storage`."""
    return any(trace.tensors[key].storage == storage for key in (*operation.inputs, *operation.outputs))


def _bound(trace: Trace, operation: Operation) -> str | None:
    """The name that a line bound to something else than a tensor where it ran `operation`."""
    frame = trace.steps[operation.step].frame
    for binding in trace.bindings:
        if binding.moment == operation.moment and binding.frame == frame and binding.tensor is None and binding.text:
            return binding.name
    return None


def changed_attributes(trace: Trace) -> Iterator[Kept]:
    """The attributes of ctx that backward read changed: one for each tensor and node."""
    with_attributes = [(key, node.kept) for key, node in trace.nodes.items() if node.kept]
    keeping = {key for key, kept in with_attributes if any(one.intact is False for one in kept)}
    if not keeping:
        return
    for backward in trace.backwards:
        for at, fired in enumerate(backward.fired):
            if fired.node in keeping:
                yield from _changed(trace, backward, at, fired)


def _changed(trace: Trace, backward: Backward, at: int, fired: Fired) -> Iterator[Kept]:
    following = backward.fired[at + 1].moment if at + 1 < len(backward.fired) else None
    for saved in trace.nodes[fired.node].kept:
        if saved.intact is not False or saved.tensor is None:
            continue
        read = next((o for o in _run_in(trace, fired, following) if saved.tensor in o.inputs), None)
        if read is not None:  # else it may be kept for its shape only
            storage = trace.tensors[saved.tensor].storage
            writes = (
                write
                for write in trace.writes
                if write.storage == storage and write.step >= saved.saved_at and write.moment < fired.moment
            )
            yield Kept(fired.node, saved, next(writes, None), read.step, backward, fired.moment)


def _run_in(trace: Trace, fired: Fired, following: int | None) -> Iterator[Operation]:
    """What ran within a node of the reader's."""
    for operation in trace.operations:
        if fired.moment <= operation.moment and (following is None or operation.moment < following):
            yield operation
