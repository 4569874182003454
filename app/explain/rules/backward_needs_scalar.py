"""Backward was called on a tensor of several elements, without a gradient in its shape to start from.

Backward computes how one number changes with each leaf. It starts with how that number changes with itself, which
is 1. For several numbers there is no such start: it must be given, one weight for each element.
"""

from collections.abc import Iterator
from math import prod

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.errors import refused_operation
from app.explain.facts import called
from app.explain.rule import Page
from app.trace.model import Operation, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html"
PAGE = Page(
    title="Backward from more than one number",
    severity="error",
    see="The tensor that backward starts from has more than one cell.",
    mend=(
        "Reduce it to one number: `y.sum().backward()`. Or say which gradient to start from: "
        "`y.backward(gradient=torch.ones_like(y))`."
    ),
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
y = w * 2
y.backward()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = ()
ONLY_SCALAR, ONLY_REAL = "grad can be implicitly created only for scalar", "only for real scalar outputs"
MISMATCH = "Mismatch in shape: grad_output["


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = refused_operation(trace, ONLY_SCALAR, ONLY_REAL, MISMATCH)
    if operation is None or operation.op not in ("backward", "grad") or not operation.inputs:
        return
    if any(backward.raised and backward.moment == operation.moment for backward in trace.backwards):
        return  # it began, and was refused for another reason
    key = next((key for key in operation.inputs if trace.tensors[key].node is not None), operation.inputs[0])
    tensor = trace.tensors[key]
    given = [trace.tensors[other].shape for other in operation.inputs[1:] if operation.op == "backward"]
    if tensor.shape != () and prod(tensor.shape) != 1:
        yield diagnose(trace, operation, key, given[0] if given and given[0] != tensor.shape else None)
    elif given and given[0] != tensor.shape:
        yield diagnose(trace, operation, key, given[0])
    elif "complex" in tensor.dtype:
        yield diagnose(trace, operation, key, None)


def diagnose(trace: Trace, operation: Operation, key: str, given: tuple[int, ...] | None) -> Diagnosis:
    tensor, line, name = trace.tensors[key], trace.line(operation.step), called(trace, key)
    shape = told(tensor.shape)
    if given is not None:
        title = f"The gradient given for {name} has another shape"
        why = f"and gives it a gradient of shape {told(given)}. There must be one number for each element."
        fix = f"Give `gradient=` in the shape of {name}, as `torch.ones_like()` of it has."
    elif "complex" in tensor.dtype:
        title = f"{name} is a complex number"
        why = "which is complex. Backward starts from a gradient of 1 for a real number only."
        fix = f"Start from a real number, such as `.abs()` of {name}, or pass `gradient=`."
    else:
        title = f"{name} is not a single number"
        why = "Backward starts from a gradient of 1, which only a single number has."
        fix = f"Start from one number, such as the sum of {name}, or pass `gradient=` in its shape."
    start = (
        f"Line {line} starts backward from {name}, of shape {shape}"
        if tensor.shape
        else (f"Line {line} starts backward from {name}")
    )
    joint = ". " if why.startswith("Backward") else (" " if why.startswith("and") else ", ")
    return Diagnosis(
        rule="backward-needs-scalar",
        severity="error",
        title=title,
        cause=f"{start}{joint}{why}",
        fix=fix,
        lines=(line,),
        source=SOURCE,
        evidence={"tensor": key, "given": list(given) if given is not None else None},
        moment=operation.moment or None,
        refs=tuple(one for one in (key, tensor.node) if one),
    )


def told(shape: tuple[int, ...]) -> str:
    """A shape in words: "2 × 3"."""
    return " × ".join(map(str, shape)) or "()"
