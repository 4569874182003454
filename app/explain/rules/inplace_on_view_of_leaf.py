"""A leaf that requires grad was written in place through a view of it, while operators are recorded.

A view shares the memory of its base, so a write to a part of `w` writes `w`. Recorded, it would make the leaf the
result of an operator: its gradient would go on to nowhere. So torch refuses, before anything is written.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_before_write import clone_before_write
from app.explain.edits.no_grad import no_grad
from app.explain.edits.out_of_place import out_of_place
from app.explain.facts import called, code, ended_by, ended_with, ids, lines_of, made_by
from app.explain.rule import Page
from app.trace.model import Operation, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-operations-with-autograd"
PAGE = Page(
    title="View of a leaf written in place",
    severity="error",
    see="The run ends at the line of the write. The memory shows that the part written is over the cells of `w`.",
    mend=(
        "To set values without recording it, write inside `with torch.no_grad():`. To compute with the changed "
        "values, write to a `.clone()` of `w`, which keeps the way back to it."
    ),
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
w[0] = 5
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (no_grad, out_of_place, clone_before_write)
TORCH_SAYS = "a view of a leaf Variable that requires grad is being used in an in-place operation"


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = ended_by(trace)
    if operation and operation.forbidden == "leaf" and operation.inputs and ended_with(trace, TORCH_SAYS):
        yield diagnose(trace, operation)


def diagnose(trace: Trace, operation: Operation) -> Diagnosis:
    line, written = trace.line(operation.step), operation.inputs[0]
    chain = [key for key, _ in made_by(trace, written)]
    leaf = next((key for key in chain if trace.tensors[key].is_leaf and trace.tensors[key].requires_grad), chain[-1])
    for key in reversed(chain):  # a view of a leaf is called one itself where it was not asked for its node
        if trace.tensors[key].requires_grad:
            leaf = key
            break
    name, made = called(trace, leaf), trace.tensors[leaf].step
    through = f"a part of {name}" if written == leaf else f"{called(trace, written)}, which is a view of {name}"
    return Diagnosis(
        rule="inplace-on-view-of-leaf",
        severity="error",
        title=f"{name} is a leaf: a view of it cannot be written in place here",
        cause=(
            f"Line {line} writes {through}. {name} is a leaf that requires grad: its gradient is kept for the values "
            "that it had, so torch refuses to make it the result of an operator."
        ),
        fix=(
            f"To set values of {name} without recording it, write inside `with torch.no_grad():`. "
            f"To go on computing with the changed values, write to a copy: {code(f'{plain(trace, leaf)}.clone()')}."
        ),
        lines=lines_of(line, None if made is None else trace.line(made)),
        source=SOURCE,
        evidence={"tensor": leaf, "through": written, "op": operation.op},
        moment=operation.moment,
        refs=ids(leaf, written, trace.tensors[leaf].storage),
    )


def plain(trace: Trace, key: str) -> str:
    """Its name to write code with."""
    return trace.tensors[key].name or "w"
