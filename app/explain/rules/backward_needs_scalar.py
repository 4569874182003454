"""Backward was called on a tensor of several elements, without a gradient in its shape to start from.

Backward computes how one number changes with each leaf. It starts with how that number changes with itself, which
is 1. For several numbers there is no such start: it must be given, one weight for each element.
"""

from collections.abc import Iterator
from math import prod

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.scalar_root import scalar_root
from app.explain.facts import called
from app.explain.refusals import refused_operation
from app.explain.rule import Page
from app.trace.model import Operation, Tensor, Trace

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
EDITS: tuple[Edit, ...] = (scalar_root,)
ONLY_SCALAR, ONLY_REAL = "grad can be implicitly created only for scalar", "only for real scalar outputs"
MISMATCH = "Mismatch in shape: grad_output["
BATCHED, COMPLEX = "If `is_grads_batched=True`", "For complex Tensors, both grad_output and output"


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = refused_operation(trace, ONLY_SCALAR, ONLY_REAL, MISMATCH, BATCHED, COMPLEX)
    if operation is None or operation.op not in ("backward", "grad") or not operation.inputs:
        return
    if any(backward.raised and backward.moment == operation.moment for backward in trace.backwards):
        return  # it began, and was refused for another reason
    key = next((key for key in operation.inputs if trace.tensors[key].node is not None), operation.inputs[0])
    given = given_to(trace, operation, key)
    tensor = trace.tensors[key]
    if given is not None or prod(tensor.shape) != 1 or "complex" in tensor.dtype:
        yield diagnose(trace, operation, key, given)


def given_to(trace: Trace, operation: Operation, root: str) -> Tensor | None:
    """The gradient that was given to start from, where it does not suit `root`."""
    after = operation.inputs[operation.inputs.index(root) + 1 :]
    given = after[1:] if operation.op == "grad" else after  # `grad` is given its inputs before it
    if not given:
        return None
    found, tensor = trace.tensors[given[-1]], trace.tensors[root]
    same_kind = ("complex" in found.dtype) == ("complex" in tensor.dtype)
    return None if found.shape == tensor.shape and same_kind else found


def diagnose(trace: Trace, operation: Operation, key: str, given: Tensor | None) -> Diagnosis:
    tensor, line, name = trace.tensors[key], trace.line(operation.step), called(trace, key)
    start = f"Line {line} starts backward from {name}"
    if given is not None and given.shape != tensor.shape:
        title = f"The gradient given for {name} has another shape"
        cause = (
            f"{start}, of shape {told(tensor.shape)}, with a gradient of shape {told(given.shape)}. It must have one "
        )
        cause += "number for each element."
        fix = f"Give a gradient in the shape of {name}, as `torch.ones_like()` of it has."
    elif given is not None:
        title = f"The gradient given for {name} has another kind of numbers"
        cause = f"{start}, of {tensor.dtype}, with a gradient of {given.dtype}. Both must be complex, or neither."
        fix = f"Give a gradient with the dtype of {name}, as `torch.ones_like()` of it has."
    elif prod(tensor.shape) != 1:
        title = f"{name} is not a single number"
        cause = f"{start}, of shape {told(tensor.shape)}. Backward starts from a gradient of 1, "
        cause += "which only a single number has."
        fix = f"Start from one number, such as the sum of {name}, or pass `gradient=` in its shape."
    else:
        title = f"{name} is a complex number"
        cause = f"{start}, which is complex. Backward starts from a gradient of 1 for a real number only."
        fix = f"Start from a real number, such as `.abs()` of {name}, or pass `gradient=`."
    return Diagnosis(
        rule="backward-needs-scalar",
        severity="error",
        title=title,
        cause=cause,
        fix=fix,
        lines=(line,),
        source=SOURCE,
        evidence={"tensor": key, "given": list(given.shape) if given is not None else None},
        moment=operation.moment or None,
        refs=tuple(one for one in (key, tensor.node) if one),
    )


def told(shape: tuple[int, ...]) -> str:
    """A shape in words: "2 × 3"."""
    return " × ".join(map(str, shape)) or "()"
