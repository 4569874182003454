"""The memory of a saved tensor was written by a route that autograd does not see: numpy, DLPack, an address.

No version counter moves, or not the one that autograd checks: backward uses the new values and
nothing complains.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_alias import clone_alias
from app.explain.edits.clone_saved import clone_saved
from app.explain.edits.move_line import move_after_backward
from app.explain.edits.numpy_copy import numpy_copy
from app.explain.facts import Read, called, code, listed
from app.explain.rule import Page
from app.explain.rules.write_hidden_by_data import by_write, is_through_data
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
        if write is None or not is_through_data(trace, write):
            # batch_norm writes a mean and a variance: one line to read about
            place = (write.step, write.op) if write else None
            together.setdefault(place, (write, []))[1].extend(found)
    for write, found in together.values():
        yield diagnose(trace, write, found)


def diagnose(trace: Trace, write: Write | None, found: list[Read]) -> Diagnosis:
    read = found[0]
    saved_line, read_line = trace.line(read.saved.saved_at), trace.line(read.backward.step)
    names = list(dict.fromkeys(trace.tensors[r.saved.tensor or ""].label for r in found))
    return Diagnosis(
        rule="write-hidden-by-alias",
        severity="wrong",
        title="Write by a route that autograd cannot see",
        cause=(
            f"Line {saved_line} saved {listed(names)} for backward. {write_sentence(trace, write)}"
            f"The counter that autograd checks stayed at {read.saved.version}, "
            f"so backward on line {read_line} used the new values, and nothing complained."
        ),
        fix=fix(write, read, read_line),
        lines=tuple(dict.fromkeys([*([write.line] if write else []), saved_line, read_line])),
        source=SOURCE,
        evidence={
            "nodes": list(dict.fromkeys(r.fired.node for r in found)),
            "slots": [r.saved.slot for r in found],
            "tensor": read.saved.tensor,
            "through": write.through if write else None,
            "storage": read.tensor.storage,
            "counter": read.tensor.counter,
        },
    )


def write_sentence(trace: Trace, write: Write | None) -> str:
    if write is None:
        return "Its memory was changed before backward read it, by a write that was not seen itself. "
    if write.counter is None and write.through is not None:
        return f"{code(write.op)} on line {write.line} wrote {called(trace, write.through)} and counted no write. "
    if write.through is not None:
        return (
            f"{code(write.op)} on line {write.line} wrote the same memory through {called(trace, write.through)}, "
            "which does not share its version counter. "
        )
    route = f"through {code(write.name)}" if write.name else "over an array or by its address"
    return f"Line {write.line} wrote the same memory {route}, without an operator of torch. "


def fix(write: Write | None, read: Read, read_line: int) -> str:
    if write and write.counter is None and write.through == read.saved.tensor:
        return f"Run line {write.line} after backward on line {read_line}, which then reads what was saved."
    return (
        f"Copy before writing (`.clone()` for a tensor, `.copy()` for an array), or write after line {read_line}, "
        "when backward has read what it saved."
    )
