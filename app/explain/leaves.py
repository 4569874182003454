"""Questions about leaves that several rules ask: who wanted their gradient, who read it, what else keeps them up."""

from collections import defaultdict

from app.explain.facts import reached
from app.explain.memo import once
from app.trace.model import Operation, Tensor, Trace, Turn

_COPYING = frozenset(
    ["detach", ".data", "clone", "copy_", "to", "tensor", "requires_grad_", "contiguous", "float", "double"]
)
_MOST_PARAMS = 1_000  # of a group that is kept whole in the Trace


@once
def gradient_reads(trace: Trace) -> tuple[Operation, ...]:
    """Each time that a line of the snippet read `.grad`, in order."""
    return tuple(operation for operation in trace.operations if operation.op == ".grad" and operation.inputs)


@once
def handed(trace: Trace) -> frozenset[str] | None:
    """The parameters that optimizers hold; None where there is no optimizer, or not all of them are known."""
    groups = [group for group in trace.param_groups if not group.raised]
    if not groups or any(len(group.params) >= _MOST_PARAMS for group in groups):
        return None
    return frozenset(key for group in groups for key in group.params)


def wants_gradient(trace: Trace, leaf: str) -> bool:
    """Whether anybody asks for the gradient of `leaf`, as far as the run tells.

    Where there are optimizers, they say which leaves learn. A leaf that others are copied to, as a target network's or
    an average's, is kept up without a gradient.
    """
    if any(leaf in operation.inputs for operation in gradient_reads(trace)):
        return True
    held = handed(trace)
    if held is not None and leaf not in held:
        return False
    return trace.tensors[leaf].storage not in kept_up(trace)


@once
def kept_up(trace: Trace) -> frozenset[str | None]:
    """The storages that are written after the first backward, or with what another leaf holds."""
    leaves = {tensor.storage for tensor in trace.tensors.values() if tensor.is_leaf and tensor.requires_grad}
    written: defaultdict[int, set[str]] = defaultdict(set)
    first = min([backward.step for backward in trace.backwards], default=None)
    found: set[str | None] = set()
    for write in trace.writes:
        if write.storage in leaves:
            written[write.moment].add(write.storage)
            if first is not None and write.step > first:
                found.add(write.storage)
    if written:
        for operation in trace.operations:
            if operation.moment in written and len(operation.inputs) > 1:
                storages = [trace.tensors[key].storage for key in operation.inputs]
                of_leaves = {storage for storage in storages if storage in leaves}
                if len(of_leaves) > 1 and storages[0] in written[operation.moment]:
                    found.add(storages[0])
    return frozenset(found)


@once
def unreached(trace: Trace) -> tuple[str, ...]:
    """The named leaves that require grad, whose gradient is wanted, and that no backward came to."""
    finished = [b for b in trace.backwards if b.call == "backward" and b.fired and not b.raised and not b.inputs]
    if not finished:
        return ()  # `autograd.grad` is told whose gradients are wanted
    candidates = [
        key
        for key, tensor in trace.tensors.items()
        if tensor.is_leaf and tensor.requires_grad and tensor.alive and tensor.names and not is_no_grad_view(tensor)
    ]
    if not candidates:
        return ()
    with_gradient = reached(trace)
    without = [key for key in candidates if key not in with_gradient and wants_gradient(trace, key)]
    return tuple(key for key in without if not copies(trace, key) & with_gradient)


def is_no_grad_view(tensor: Tensor) -> bool:
    """Whether it is called a leaf only because it is a view that was made with grad mode off."""
    first = tensor.turns[0].requires_grad if tensor.turns else tensor.requires_grad
    return tensor.base is not None and first


def copies(trace: Trace, leaf: str) -> set[str]:
    """The tensors that hold what `leaf` held, without its graph: one may be a leaf that learns in its place."""
    found = {leaf}
    for operation in trace.operations:
        if operation.op in _COPYING and not found.isdisjoint(operation.inputs):
            found.update(operation.outputs)
    return found - {leaf}


def turned_off(tensor: Tensor, moment: int) -> Turn | None:
    """The turn by which `tensor`, as it stands at `moment`, came not to require grad as a leaf that did."""
    off = None
    for turn in reversed(tensor.turns):
        if turn.moment <= moment:
            if turn.requires_grad:
                return off if turn.is_leaf else None
            off = turn
    return None
