"""Backward was called on a tensor of several elements, without saying which gradient to start from."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.scalar_root import scalar_root
from app.explain.facts import called, ended_with, raised_operation
from app.explain.rule import Page
from app.trace.model import Trace

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
TORCH_SAYS = "grad can be implicitly created only for scalar outputs"


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = raised_operation(trace)
    if operation is None or operation.op not in ("backward", "grad") or not ended_with(trace, TORCH_SAYS):
        return
    for key in operation.inputs:
        tensor = trace.tensors[key]
        if tensor.shape != () and tensor.node is not None:
            line, name = trace.line(operation.step), called(trace, key)
            shape = " × ".join(map(str, tensor.shape))
            yield Diagnosis(
                rule="backward-needs-scalar",
                severity="error",
                title=f"{name} is not a single number",
                cause=(
                    f"Line {line} starts backward from {name}, of shape {shape}. Backward starts from a gradient of 1, "
                    "which only a single number has."
                ),
                fix=f"Start from one number, such as the sum of {name}, or pass `gradient=` in its shape.",
                lines=(line,),
                source=SOURCE,
                evidence={"tensor": key},
            )
            return
