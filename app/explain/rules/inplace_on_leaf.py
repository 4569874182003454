"""A leaf that requires grad was written in place while operators are recorded.

The write would make it the result of an operator, and no leaf any more: torch refuses.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.no_grad import no_grad
from app.explain.edits.out_of_place import out_of_place
from app.explain.facts import called, code, ended_with, raised_operation
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
    operation = raised_operation(trace)
    if operation is None or not operation.grad_enabled or not ended_with(trace, TORCH_SAYS):
        return
    for key in operation.inputs:
        tensor = trace.tensors[key]
        if tensor.is_leaf and tensor.requires_grad:
            yield diagnose(trace, operation, key)
            return


def diagnose(trace: Trace, operation: Operation, key: str) -> Diagnosis:
    line, name = trace.line(operation.step), called(trace, key)
    made = trace.tensors[key].step
    lines = [line, *([trace.line(made)] if made is not None else [])]
    return Diagnosis(
        rule="inplace-on-leaf",
        severity="error",
        title=f"{name} is a leaf: it cannot be written in place here",
        cause=(
            f"{code(operation.op)} on line {line} writes {name} in place. {name} is a leaf that requires grad: "
            "its gradient is kept for the value that it had, so torch refuses to make it the result of an operator."
        ),
        fix=(
            f"To update {name} without recording it, write it inside `with torch.no_grad():`. "
            f"To go on computing with it, make a new tensor instead: `{trace.tensors[key].name or 'y'}_new = …`."
        ),
        lines=tuple(dict.fromkeys(lines)),
        source=SOURCE,
        evidence={"tensor": key, "op": operation.op},
    )
