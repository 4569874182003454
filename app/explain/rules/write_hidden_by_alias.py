"""The memory of a saved tensor was written by a route that autograd does not see: numpy, DLPack, an address.

A version counter tells autograd of writes, and only torch's operators move it. A numpy array over the same memory has
none, and a tensor that came back from one has another. Backward computes with the new values: the gradient is wrong,
and nothing complains.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_alias import clone_alias
from app.explain.edits.clone_saved import clone_saved
from app.explain.edits.move_line import move_after_backward
from app.explain.edits.numpy_copy import numpy_copy
from app.explain.facts import Read, all_kept, called, code, ids, lines_of, sentence, writer
from app.explain.rule import Page
from app.explain.rules.buffer_overwritten_unversioned import is_uncounted
from app.explain.rules.write_hidden_by_data import by_write, is_through_data
from app.explain.unseen import Kept, changed_attributes, route
from app.trace.model import Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.numpy.html"
PAGE = Page(
    title="Write by a route that autograd cannot see",
    severity="wrong",
    see=(
        "The numpy array and the tensor stand over the same cells. The struck diamond marks the write, where "
        "no counter has a step, and the mark ≠ stands where backward read the changed contents."
    ),
    mend="Give numpy a copy: `x.numpy().copy()` or `x.clone().numpy()`. Or write after backward has run.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
x = torch.ones(3)
array = x.numpy()
y = (w * x).sum()
array[:] = 7
y.backward()
print(w.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (numpy_copy, clone_alias, clone_saved, move_after_backward)


def check(trace: Trace) -> Iterator[Diagnosis]:
    together: dict[tuple[int, str] | None, tuple[Write | None, list[Read]]] = {}
    for write, found in by_write(trace).items():
        if write is None or not (is_through_data(trace, write) or is_uncounted(trace, write)):
            place = (write.step, write.op) if write else None  # one line to read about
            together.setdefault(place, (write, []))[1].extend(found)
    for write, found in together.values():
        yield diagnose(trace, write, found)
    for kept in changed_attributes(trace):
        yield diagnose_attribute(trace, kept)


def diagnose(trace: Trace, write: Write | None, found: list[Read]) -> Diagnosis:
    read = found[0]
    saved_line, read_line = trace.line(read.saved.saved_at), trace.line(read.backward.step)
    names = all_kept(trace, found)
    return Diagnosis(
        rule="write-hidden-by-alias",
        severity="wrong",
        title="Write by a route that autograd cannot see",
        cause=(
            f"Line {saved_line} saved {names} for backward. {write_sentence(trace, write)}"
            f"The counter that autograd checks stayed at {read.saved.version}, "
            f"so backward on line {read_line} used the new values, and nothing complained."
        ),
        fix=(
            "Copy before writing (`.clone()` for a tensor, `.copy()` for an array), or write after line "
            f"{read_line}, when backward has read what it saved."
        ),
        lines=lines_of(write.line if write else None, saved_line, read_line),
        source=SOURCE,
        evidence={
            "nodes": list(dict.fromkeys(r.fired.node for r in found)),
            "slots": [r.saved.slot for r in found],
            "tensor": read.saved.tensor,
            "through": write.through if write else None,
            "route": route(trace, write) if write else None,
            "storage": read.tensor.storage,
            "counter": read.tensor.counter,
        },
        moment=write.moment if write else read.fired.moment,
        refs=ids(
            read.saved.tensor,
            write.through if write else None,
            read.tensor.storage,
            read.tensor.counter,
            read.fired.node,
        ),
    )


def write_sentence(trace: Trace, write: Write | None) -> str:
    if write is None:
        return "Its memory was changed before backward read it, by a write that was not seen itself. "
    if write.through is not None:
        return (
            f"{sentence(writer(write.op))} on line {write.line} wrote the same memory through "
            f"{called(trace, write.through)}, which does not share its version counter. "
        )
    name = route(trace, write)
    way = f"through {code(name)}" if name else "over an array or by its address"
    return f"Line {write.line} wrote the same memory {way}, without an operator of torch. "


def diagnose_attribute(trace: Trace, kept: Kept) -> Diagnosis:
    """Of a tensor that a Function of the reader's holds as an attribute of its ctx."""
    write, attribute = kept.write, code(f"ctx.{kept.saved.slot}")
    name = called(trace, kept.saved.tensor or "")
    kept_line, read_line = trace.line(kept.saved.saved_at), trace.line(kept.read_at)
    backward_line = trace.line(kept.backward.step)
    wrote = (
        f"{writer(write.op)} on line {write.line}" if write and write.through else f"line {write.line}" if write else ""
    )
    return Diagnosis(
        rule="write-hidden-by-alias",
        severity="wrong",
        title=f"{attribute} changed before backward read it",
        cause=(
            f"The forward on line {kept_line} kept {name} as {attribute}. Then {wrote or 'a write that was not seen'} "
            f"changed its values, and backward on line {backward_line} computed with the new ones, on line "
            f"{read_line}. Torch compares versions only of what `ctx.save_for_backward` was given: nothing complained."
        ),
        fix=(
            "Use `ctx.save_for_backward` and `ctx.saved_tensors` instead of the attribute: backward then refuses. "
            f"To keep the write and the gradient, write to a `.clone()` of {name}."
        ),
        lines=lines_of(write.line if write else None, kept_line, backward_line),
        source="https://docs.pytorch.org/docs/stable/generated/torch.autograd.function.FunctionCtx.save_for_backward.html",
        evidence={"node": kept.node, "attribute": kept.saved.slot, "tensor": kept.saved.tensor},
        moment=write.moment if write else kept.moment,
        refs=ids(kept.saved.tensor, write.through if write else None, kept.node),
    )
