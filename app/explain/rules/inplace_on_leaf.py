"""A leaf that requires grad was written in place while operators are recorded.

A leaf is where backward ends and leaves a gradient. The write would be recorded, and would make the tensor the result
of an operator: its gradient would go on to nowhere. So torch refuses, before anything is written.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.no_grad import no_grad
from app.explain.edits.out_of_place import out_of_place
from app.explain.facts import called, ended_by, ended_with, ids, lines_of, sentence, writer
from app.explain.rule import Page
from app.trace.model import Operation, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-operations-with-autograd"
PAGE = Page(
    title="Leaf written in place",
    severity="error",
    see=(
        "The run ends at the line of the write. `w` is a leaf: in the graph, its node is AccumulateGrad and "
        "nothing made it."
    ),
    mend=(
        "To update `w` without recording it, write inside `with torch.no_grad():`. To compute with it, make a "
        "new tensor: `v = w + 1`."
    ),
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
w += 1
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (no_grad, out_of_place)
TORCH_SAYS = "a leaf Variable that requires grad is being used in an in-place operation"


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = ended_by(trace)
    if operation is None or operation.forbidden != "leaf" or not ended_with(trace, TORCH_SAYS):
        return
    if ended_with(trace, f"view of {TORCH_SAYS}"):
        return
    for key in operation.inputs:
        tensor = trace.tensors[key]
        if tensor.is_leaf and tensor.requires_grad:
            yield diagnose(trace, operation, key)
            return


def diagnose(trace: Trace, operation: Operation, key: str) -> Diagnosis:
    line, name = trace.line(operation.step), called(trace, key)
    made = trace.tensors[key].step
    return Diagnosis(
        rule="inplace-on-leaf",
        severity="error",
        title=f"{name} is a leaf: it cannot be written in place here",
        cause=(
            f"{sentence(writer(operation.op))} on line {line} writes {name} in place. {name} is a leaf that requires "
            "grad: its gradient is kept for the value that it had, so torch refuses to make it an operator's result."
        ),
        fix=(
            f"To update {name} without recording it, write it inside `with torch.no_grad():`. "
            "To go on computing with it, make a new tensor from it instead."
        ),
        lines=lines_of(line, None if made is None else trace.line(made)),
        source=SOURCE,
        evidence={"tensor": key, "op": operation.op},
        moment=operation.moment,
        refs=ids(key, trace.tensors[key].node),
    )
