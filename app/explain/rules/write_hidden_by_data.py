"""The memory of a saved tensor was written, or swapped, through `.data`.

A node saves the memory itself, and a version counter tells it of later writes. `.data` gives the same memory with a
counter of its own, so the one that autograd checks does not move. Backward computes with the new values: the gradient
is wrong, and nothing complains.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_alias import clone_alias
from app.explain.edits.clone_before_write import clone_before_write
from app.explain.edits.clone_saved import clone_saved
from app.explain.edits.detach_for_data import detach_for_data
from app.explain.edits.move_line import move_after_backward
from app.explain.facts import Read, all_kept, called, hidden, ids, lines_of, made_by, sentence, writer, writes_since
from app.explain.rule import Page
from app.trace.model import Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-correctness-checks"
PAGE = Page(
    title="Write hidden by `.data`",
    severity="wrong",
    see=(
        "`y` and `c` stand over the same cells, with two counters. The struck diamond marks the write: the "
        "counter of `y` has no step there. At the read the version check passes, and the mark ≠ says that the "
        "contents are not what was saved."
    ),
    mend=(
        "Use `.detach()` in place of `.data`: the write is then counted, and backward refuses. To keep the "
        "write and the gradient, write to `y.detach().clone()`."
    ),
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
y = w.sigmoid()
c = y.data
c.zero_()
y.sum().backward()
print(w.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (clone_alias, detach_for_data, clone_before_write, clone_saved, move_after_backward)


def check(trace: Trace) -> Iterator[Diagnosis]:
    for write, found in by_write(trace).items():
        if write is not None and is_through_data(trace, write):
            yield diagnose(trace, write, found)


def by_write(trace: Trace) -> dict[Write | None, list[Read]]:
    """The hidden writes, each with the saved tensors that it changed; None for those without a known writer."""
    found: dict[Write | None, list[Read]] = {}
    for read in hidden(trace):
        uncounted = [write for write in writes_since(trace, read) if write.counter != read.tensor.counter]
        found.setdefault(uncounted[0] if uncounted else None, []).append(read)
    # A graph that was kept is read again: what a later backward found changed, an earlier one may have read intact.
    explained = {(read.fired.node, read.saved.slot) for write, by in found.items() if write for read in by}
    if left := [read for read in found.pop(None, []) if (read.fired.node, read.saved.slot) not in explained]:
        found[None] = left
    return found


def is_through_data(trace: Trace, write: Write) -> bool:
    """Whether what `write` went through came from `.data`, or was assigned to it."""
    if write.op == ".data=":
        return True
    return write.through is not None and any(tensor.op == ".data" for _, tensor in made_by(trace, write.through))


def diagnose(trace: Trace, write: Write, found: list[Read]) -> Diagnosis:
    read = found[0]
    saved_line, read_line = trace.line(read.saved.saved_at), trace.line(read.backward.step)
    names = all_kept(trace, found)
    data_line = line_of_data(trace, write)
    through = called(trace, write.through) if write.through else "`.data`"
    if write.op == ".data=":
        wrote = f"Line {write.line} put other memory under {names} by assigning to `.data`. "
        why = f"That does not move the version counter, which autograd checks: it stayed at {read.saved.version}. "
        fix = (
            f"Assign to `.data` after backward on line {read_line}, or run the forward again after line {write.line}: "
            "backward then reads the values that the result was computed from."
        )
    else:
        wrote = f"{sentence(writer(write.op))} on line {write.line} wrote the same memory through {through}. "
        why = (
            f"{through} comes from `.data` on line {data_line}, which has a version counter of its own: "
            f"the write moved that one, and the one that autograd checks stayed at {read.saved.version}. "
        )
        fix = (
            "Use `.detach()` instead of `.data`: the write is then counted, and backward refuses with an error. "
            "To keep both the write and the gradient, write to a copy: `.detach().clone()`."
        )
    return Diagnosis(
        rule="write-hidden-by-data",
        severity="wrong",
        title="Write hidden from autograd by `.data`",
        cause=(
            f"Line {saved_line} saved {names} for backward. {wrote}{why}"
            f"So backward on line {read_line} used the new values, and nothing complained."
        ),
        fix=fix,
        lines=lines_of(write.line, data_line, saved_line, read_line),
        source=SOURCE,
        evidence={
            "nodes": list(dict.fromkeys(r.fired.node for r in found)),
            "slots": [r.saved.slot for r in found],
            "tensor": read.saved.tensor,
            "through": write.through,
            "storage": write.storage,
            "counter": read.tensor.counter,
            "counter_moved": write.counter,
        },
        moment=write.moment,
        refs=ids(read.saved.tensor, write.through, read.tensor.storage, read.tensor.counter, read.fired.node),
    )


def line_of_data(trace: Trace, write: Write) -> int | None:
    """Where `.data` was taken."""
    if write.through is None or write.op == ".data=":
        return None
    taken = [tensor.step for _, tensor in made_by(trace, write.through) if tensor.op == ".data"]
    return trace.line(taken[0]) if taken and taken[0] is not None else None
