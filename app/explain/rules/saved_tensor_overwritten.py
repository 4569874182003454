"""A tensor that a node saved for backward was written in place afterwards.

Backward computes the gradient from what its node saved, and the saved tensor is no copy: it is the memory itself.
Each write in place raises the version counter of that memory. Backward compares the counter with what it was at the
save, and raises rather than give a wrong gradient.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_alias import clone_alias
from app.explain.edits.clone_before_write import clone_before_write
from app.explain.edits.clone_saved import clone_saved
from app.explain.edits.move_line import move_after_backward
from app.explain.edits.out_of_place import out_of_place
from app.explain.facts import (
    Read,
    called,
    code,
    ids,
    kept,
    lines_of,
    operation_of,
    refused,
    sentence,
    writer,
    writes_since,
)
from app.explain.rule import Page
from app.trace.model import Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-correctness-checks"
PAGE = Page(
    title="Saved tensor overwritten",
    severity="error",
    see=(
        "On the tape, the pin on the band of `y` marks what was saved, and the diamond the write. The stepped "
        "line of the counter goes from 0 to 1 between them, and backward refuses at the circle with a cross."
    ),
    mend="Write `y = y + 1`, which makes a new tensor and leaves the saved one alone. Or write to `y.clone()`.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
y = w.sigmoid()
y.add_(1)
y.sum().backward()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (out_of_place, clone_before_write, clone_alias, move_after_backward, clone_saved)


def check(trace: Trace) -> Iterator[Diagnosis]:
    if read := refused(trace):
        write = overwritten_by(trace, read)
        if write is None or not is_update(trace, write):
            yield diagnose(trace, read, write)


def overwritten_by(trace: Trace, read: Read) -> Write | None:
    """The first write that made the saved tensor stale."""
    return next((write for write in writes_since(trace, read) if is_counted(write, read)), None)


def is_counted(write: Write, read: Read) -> bool:
    """Whether `write` moved the counter that backward compares."""
    return (
        write.counter == read.tensor.counter
        and write.version is not None
        and read.saved.version is not None
        and write.version > read.saved.version
    )


def diagnose(trace: Trace, read: Read, write: Write | None) -> Diagnosis:
    saved, name = read.saved, kept(trace, read)
    saved_line, read_line = trace.line(saved.saved_at), trace.line(read.backward.step)
    cause = (
        f"Line {saved_line} saved {name} for {code(read.node.name)} when its version was {saved.version}. "
        + (write_sentence(trace, read, write) if write else "It was written in place afterwards. ")
        + f"Backward on line {read_line} found version {saved.version_read} instead of {saved.version} and refused."
    )
    if saved.intact:
        cause += " The contents are the same as before, but autograd compares only the version."
    return Diagnosis(
        rule="saved-tensor-overwritten",
        severity="error",
        title=f"{name[:1].upper()}{name[1:]} was overwritten before backward had read it",
        cause=cause,
        fix=fix(trace, read, write),
        lines=lines_of(write.line if write else None, saved_line, read_line),
        source=SOURCE,
        evidence={
            "node": read.fired.node,
            "slot": saved.slot,
            "tensor": saved.tensor,
            "storage": read.tensor.storage,
            "counter": read.tensor.counter,
            "version": saved.version,
            "version_read": saved.version_read,
            "through": write.through if write else None,
        },
        moment=write.moment if write else read.fired.moment,
        refs=ids(
            saved.tensor, write.through if write else None, read.tensor.counter, read.tensor.storage, read.fired.node
        ),
    )


def is_update(trace: Trace, write: Write) -> bool:
    """Whether `write` changed a leaf that requires grad, as an optimizer's do: not on the way through a module."""
    if not write.op.endswith("_"):  # as `embedding` does with `max_norm`
        return False
    return any(
        tensor.is_leaf and tensor.requires_grad and tensor.counter == write.counter
        for _, tensor in trace.tensors_over(write.storage)
    )


def write_sentence(trace: Trace, read: Read, write: Write) -> str:
    through = called(trace, write.through) if write.through else "it"
    if write.through in (None, read.saved.tensor):
        return f"{sentence(writer(write.op))} on line {write.line} then wrote it in place. "
    name = read.tensor.name or read.tensor.expression
    return (
        f"{sentence(writer(write.op))} on line {write.line} then wrote the same memory through {through}, "
        f"which shares {f'the version counter of {code(name)}' if name else 'its version counter'}. "
    )


def fix(trace: Trace, read: Read, write: Write | None) -> str:
    name = kept(trace, read)
    if write is None:
        return f"Keep {name} as it is until backward has run, or write to a `.clone()` of it."
    if not write.op.endswith("_"):
        operation = operation_of(trace, write)
        by = code((operation and operation.expression) or write.op)
        if read.tensor.is_leaf:
            return f"Give a `.clone()` of {name} to line {trace.line(read.saved.saved_at)}: {by} writes {name} itself."
        return f"Give a `.clone()` of {name} to line {write.line}: {by} writes what it is given."
    if write.through not in (None, read.saved.tensor):
        through = called(trace, write.through)
        return (
            f"Write to a copy: give {through} a `.clone()` before the write on line {write.line}. "
            "The saved values then stay as they are."
        )
    return (
        f"Use an operator that makes a new tensor on line {write.line} instead of {writer(write.op)}, "
        f"or write to a `.clone()`. {name} then keeps the values that backward needs."
    )
