"""A view that was made with grad mode off was written in place with grad mode on.

A view made in normal mode shares its history with its base: a write through it is recorded for both. A view made
under `torch.no_grad()` has no such tie, so torch could record the write for the base or not at all. It refuses to
guess.
"""

from collections.abc import Iterator
from itertools import pairwise

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_before_write import clone_before_write
from app.explain.edits.no_grad import no_grad
from app.explain.edits.out_of_place import out_of_place
from app.explain.facts import called, ended_by, ended_with, ids, lines_of, made_by
from app.explain.rule import Page
from app.trace.model import Operation, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#no-grad-mode"
PAGE = Page(
    title="View made under `no_grad` written in place",
    severity="error",
    see="The run ends at the line of the write. `v` and `y` stand over the same cells, and no node leads from `v`.",
    mend=(
        "Put the view and the write into the same mode: both outside `torch.no_grad()` to record the write, both "
        "inside to leave it out of the graph."
    ),
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
y = w * 2
with torch.no_grad():
    v = y[:2]
v.mul_(10)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (no_grad, out_of_place, clone_before_write)
_MADE_OFF = ("no_grad view", "inference view")
TORCH_SAYS = "mode and is being modified inplace"


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = ended_by(trace)
    if operation and operation.forbidden in _MADE_OFF and ended_with(trace, TORCH_SAYS):
        yield diagnose(trace, operation)


def diagnose(trace: Trace, operation: Operation) -> Diagnosis:
    line, written = trace.line(operation.step), operation.inputs[0]
    chain = [key for key, _ in made_by(trace, written)]
    view, base = next(((one, two) for one, two in pairwise(chain) if made_off(trace, one)), (written, chain[-1]))
    made = trace.tensors[view].step
    made_line = None if made is None else trace.line(made)
    mode = "inference mode" if operation.forbidden == "inference view" else "`torch.no_grad()`"
    where = f"Line {made_line} made {called(trace, view)}" if made_line else f"{called(trace, view)} was made"
    return Diagnosis(
        rule="inplace-on-no-grad-view",
        severity="error",
        title=f"{called(trace, view)} is a view from {mode}: it cannot be written in place here",
        cause=(
            f"{where} under {mode}, as a view of {called(trace, base)}. Line {line} writes it in place with grad mode "
            f"on. Torch cannot tell whether the graph of {called(trace, base)} is to know of that, and refuses."
        ),
        fix=(
            f"Make the view outside of {mode} to have the write recorded, or write under {mode} too to leave it out "
            "of the graph."
        ),
        lines=lines_of(line, made_line),
        source=SOURCE,
        evidence={"tensor": view, "base": base, "op": operation.op, "mode": operation.forbidden},
        moment=operation.moment,
        refs=ids(view, base, trace.tensors[view].storage),
    )


def made_off(trace: Trace, tensor: str) -> bool:
    """Whether grad mode was off when an operator made `tensor`."""
    return any(not one.grad_enabled for one in trace.operations if tensor in one.outputs and tensor not in one.inputs)
