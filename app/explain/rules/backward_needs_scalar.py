"""Backward was called on a tensor of several elements, without saying which gradient to start from."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.facts import called, ended_with, raised_operation
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html"
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
