"""A tensor of integers or booleans was asked to require grad.

A derivative says how a result changes with a small change of a value. An integer has no small change, so only
floating point and complex tensors can require grad. torch refuses on the line that asks.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.float_leaf import float_leaf
from app.explain.facts import called, ended_with
from app.explain.refusals import refused_operation
from app.explain.rule import Page
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.requires_grad.html"
PAGE = Page(
    title="Integers that should require grad",
    severity="error",
    see="The run ends at the line that asks. No tensor with that value has a gradient.",
    mend="Write the numbers as floats: `torch.tensor([1., 2.], requires_grad=True)`. Or convert: `x.float()`.",
    example="""\
import torch

w = torch.tensor([1, 2, 3], requires_grad=True)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (float_leaf,)
TORCH_SAYS = "can require gradients"


def check(trace: Trace) -> Iterator[Diagnosis]:
    error = trace.outcome.error
    if error is None or error.line is None or not ended_with(trace, TORCH_SAYS):
        return
    operation = refused_operation(trace, TORCH_SAYS)
    if operation is not None and trace.line(operation.step) not in (error.line, *error.frames):
        operation = None  # refused earlier, and caught
    wrong = [key for key in operation.inputs if not is_real(trace.tensors[key].dtype)] if operation else []
    line = trace.line(operation.step) if operation else error.line
    name = called(trace, wrong[0]) if wrong else "a tensor"
    holds = f", which holds {trace.tensors[wrong[0]].dtype} numbers" if wrong else " that holds no floats"
    yield Diagnosis(
        rule="integer-requires-grad",
        severity="error",
        title=f"{name[:1].upper()}{name[1:]} of whole numbers cannot require grad"
        if not wrong
        else f"{name} holds whole numbers: it cannot require grad",
        cause=f"Line {line} asks for gradients of {name}{holds}. Only floating point and complex tensors have them.",
        fix="Write its numbers as floats, `1.` in place of `1`, or convert with `.float()` before it requires grad.",
        lines=(line,),
        source=SOURCE,
        evidence={"tensor": wrong[0] if wrong else None, "op": operation.op if operation else None},
        moment=(operation.moment or None) if operation else None,
        refs=tuple(wrong),
    )


def is_real(dtype: str) -> bool:
    """Whether a tensor of that dtype can require grad."""
    return "float" in dtype or "complex" in dtype
