"""A tensor in the graph was written by a route that autograd does not see, and went on with the new values.

No node had saved the old values, so backward is not wrong about them. But the graph knows nothing of the write: its
gradient is that of the values before, while the result was computed from the values after. Written through the tensor
itself, or through `.detach()`, it would have been recorded, or refused.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_alias import clone_alias
from app.explain.edits.numpy_copy import numpy_copy
from app.explain.edits.switches import no_grad_for_data
from app.explain.facts import called, code, hidden, ids, lines_of, made_by, sentence, writer
from app.explain.rule import Page
from app.explain.unseen import route
from app.trace.history import History
from app.trace.model import Operation, Tensor, Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-correctness-checks"
PAGE = Page(
    title="Write that the graph does not know of",
    severity="warning",
    see=(
        "The struck diamond on the band of `y` marks the write. In the graph, nothing stands between the node of `y` "
        "and the sum: the gradient of `w` is 2, although a change of `w[0]` no longer changes the result."
    ),
    mend="Write `y[0] = 0`, which is recorded. To leave a part out of the gradient, say so: `y.detach()` or a mask.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
y = w * 2
y.data[0] = 0
y.sum().backward()
print(w.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (no_grad_for_data, numpy_copy, clone_alias)
_SWAPS = frozenset(["set_", "resize_", "resize_as_"])


def check(trace: Trace) -> Iterator[Diagnosis]:
    suspects = [write for write in trace.writes if may_be_hidden(trace, write)]
    if not suspects:
        return
    wrong = {read.tensor.storage for read in hidden(trace)}  # told by other rules, which have more to say
    storages = {write.storage for write in suspects} - wrong
    recorded = [
        (key, tensor)
        for key, tensor in trace.tensors.items()
        if tensor.storage in storages and not tensor.is_leaf and tensor.node and not is_of_leaf(trace, key)
    ]
    history = History(trace) if recorded else None
    for write in suspects if history else ():
        for key, tensor in recorded:
            if tensor.storage != write.storage or not is_behind_its_back(tensor, write):
                continue
            read = read_after(trace, key, write)
            if read and fired_after(trace, tensor.node, write) and changed(history, key, write):
                yield diagnose(trace, key, write, read)
                return


def may_be_hidden(trace: Trace, write: Write) -> bool:
    """Whether `write` might have passed by the counter of a tensor in a graph."""
    if write.op in _SWAPS:  # the tensor has other memory since, which is counted
        return False
    return write.through is None or write.counter is None or not trace.tensors[write.through].requires_grad


def is_of_leaf(trace: Trace, key: str) -> bool:
    """Whether it is a view of a leaf that requires grad: that has new values then, and the gradient of those."""
    *_, (_, base) = made_by(trace, key)
    return base.is_leaf and base.requires_grad


def is_behind_its_back(tensor: Tensor, write: Write) -> bool:
    """Whether `tensor` was there, and its own counter did not count the write."""
    return 0 < tensor.moment < write.moment and tensor.counter != write.counter


def changed(history: History | None, key: str, write: Write) -> bool:
    """Whether `write` is known to have changed what the tensor holds."""
    if history is None:
        return False
    before = history.values(key, write.moment - 1)
    after = history.values(history.as_of(key, write.moment) or key, write.moment)
    return before is not None and after is not None and None not in (before.flat, after.flat) and before != after


def read_after(trace: Trace, key: str, write: Write) -> Operation | None:
    """The first recorded operator that computed with the tensor once it was written."""
    counter = trace.tensors[key].counter
    for operation in trace.operations:
        if operation.moment <= write.moment or not operation.grad_enabled or operation.op in (".data", "detach"):
            continue
        came, made = (
            [trace.tensors[one] for one in operation.inputs],
            [trace.tensors[one] for one in operation.outputs],
        )
        computed = any(tensor.counter == counter and tensor.requires_grad for tensor in came)
        if computed and any(tensor.node and not tensor.is_leaf for tensor in made):
            return operation
    return None


def fired_after(trace: Trace, node: str | None, write: Write) -> bool:
    """Whether backward ran the node later."""
    return any(
        fired.node == node
        for backward in trace.backwards
        if backward.moment >= write.moment
        for fired in backward.fired
    )


def diagnose(trace: Trace, key: str, write: Write, read: Operation) -> Diagnosis:
    name, line, read_line = called(trace, key), write.line, trace.line(read.step)
    made = trace.tensors[key].step
    data = write.op == ".data=" or (
        write.through is not None and any(tensor.op == ".data" for _, tensor in made_by(trace, write.through))
    )
    if write.op == ".data=":
        wrote = f"Line {line} put other memory under {name} by assigning to `.data`"
    elif write.through is not None:
        wrote = f"{sentence(writer(write.op))} on line {line} wrote {name} through {called(trace, write.through)}"
    else:
        way = route(trace, write)
        wrote = f"Line {line} wrote {name}" + (f" through {code(way)}" if way else " without an operator of torch")
    return Diagnosis(
        rule="hidden-write",
        severity="warning",
        title=f"The graph does not know that {name} was written",
        cause=(
            f"{wrote}, and autograd recorded nothing of it. Line {read_line} then computed with the new values. "
            f"The gradient that goes through {name} is the one from before the write."
        ),
        fix=(
            f"Write {name} itself on line {line}, without {'`.data`' if data else 'the other way in'}: the write is "
            f"then recorded. If it is to stay out of the graph, take {called(trace, key)} out with `.detach()` first."
        ),
        lines=lines_of(line, trace.line(made) if made is not None else None, read_line),
        source=SOURCE,
        evidence={"tensor": key, "through": write.through, "op": write.op, "storage": write.storage},
        moment=write.moment,
        refs=ids(key, write.through, write.storage, trace.tensors[key].counter),
    )
