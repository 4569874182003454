"""`.numpy()` was called on a tensor that requires grad: numpy could not be followed, so torch refuses."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.detach_before_numpy import detach_before_numpy
from app.explain.facts import called, ended_with, raised_operation
from app.explain.rule import Page
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.numpy.html"
PAGE = Page(
    title="numpy asked for a tensor that requires grad",
    severity="error",
    see="The run ends at the line that calls `.numpy()`.",
    mend="Write `w.detach().numpy()`. The array shares the memory of `w`: copy it before writing to it.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
array = w.numpy()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (detach_before_numpy,)
TORCH_SAYS = "Can't call numpy() on Tensor that requires grad"


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = raised_operation(trace)
    if operation is None or not ended_with(trace, TORCH_SAYS):
        return
    for key in operation.inputs:
        if trace.tensors[key].requires_grad:
            line, name = trace.line(operation.step), called(trace, key)
            yield Diagnosis(
                rule="numpy-on-requires-grad",
                severity="error",
                title=f"{name} requires grad: numpy cannot have it",
                cause=(
                    f"Line {line} hands {name} to numpy. It requires grad, and what numpy does to it "
                    "could not be recorded, so torch refuses."
                ),
                fix="Take it out of the graph first: `.detach().numpy()`. Writes to that array would not be seen.",
                lines=(line,),
                source=SOURCE,
                evidence={"tensor": key},
            )
            return
