"""Parameters were updated between a forward and its backward.

The forward saved the parameters as they were, for the gradients with respect to the layers below. The update writes
them in place, which raises their version counters. Backward finds another version than it saved, and refuses.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.forward_again import forward_again
from app.explain.edits.move_line import move_after_backward
from app.explain.facts import Read, code, ids, kept, lines_of, operation_of, refused
from app.explain.rule import Page
from app.explain.rules.saved_tensor_overwritten import is_update, overwritten_by
from app.trace.model import Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-correctness-checks"
PAGE = Page(
    title="Update before backward",
    severity="error",
    see=(
        "On the tape, the diamond of the update stands between the pin of the save and the circle of the read, on "
        "the lane of `v`. The stepped line of its counter rises there."
    ),
    mend=(
        "Run each backward first, then the updates. Where the updated parameters are wanted for the second loss, "
        "run its forward again after the update."
    ),
    example="""\
import torch

w = torch.ones(2, requires_grad=True)
v = torch.ones(2, requires_grad=True)
optimizer = torch.optim.SGD([v], lr=0.1)
h = w * v
first, second = h.sum(), (h * v).sum()
first.backward(retain_graph=True)
optimizer.step()
second.backward()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (move_after_backward, forward_again)


def check(trace: Trace) -> Iterator[Diagnosis]:
    if (read := refused(trace)) and (write := overwritten_by(trace, read)) and is_update(trace, write):
        yield diagnose(trace, read, write)


def diagnose(trace: Trace, read: Read, write: Write) -> Diagnosis:
    name, updated = kept(trace, read), leaf_of(trace, write)
    saved_line, read_line = trace.line(read.saved.saved_at), trace.line(read.backward.step)
    operation = operation_of(trace, write)
    by = code(operation.expression if operation and operation.expression else write.op)
    return Diagnosis(
        rule="optimizer-step-before-backward",
        severity="error",
        title=f"{by} ran between a forward and its backward",
        cause=(
            f"The forward on line {saved_line} saved {name} at version {read.saved.version}. {by} on line {write.line} "
            f"then updated {code(trace.tensors[updated].label)} in place. Backward on line {read_line} found version "
            f"{read.saved.version_read} and refused: its gradients would mix the old parameters with the new ones."
        ),
        fix=(
            f"Run backward before line {write.line}, or the forward again after it. "
            "With several losses of one forward, run every backward first and the updates after them."
        ),
        lines=lines_of(write.line, saved_line, read_line),
        source=SOURCE,
        evidence={
            "node": read.fired.node,
            "slot": read.saved.slot,
            "tensor": read.saved.tensor,
            "updated": updated,
            "version": read.saved.version,
            "version_read": read.saved.version_read,
        },
        moment=write.moment,
        refs=ids(updated, read.saved.tensor, read.tensor.counter, read.tensor.storage, read.fired.node),
    )


def leaf_of(trace: Trace, write: Write) -> str:
    """The leaf that was updated."""
    return next(
        key
        for key, tensor in trace.tensors_over(write.storage)
        if tensor.is_leaf and tensor.requires_grad and tensor.counter == write.counter
    )
