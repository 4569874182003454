"""A tensor that requires grad was handed to numpy, which autograd cannot follow.

What numpy does to an array is recorded nowhere, so a gradient could not find its way back. An array also shares the
tensor's memory, and a write to it would be seen by no version counter. torch refuses rather than lose the graph
without a word.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.detach_before_numpy import detach_before_numpy
from app.explain.facts import called
from app.explain.refusals import refused_operation
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
ARRAY = ("Can't call numpy() on Tensor that requires grad", "Can't export tensors that require gradient")
TAKING = frozenset(["numpy", "__array__", "__dlpack__", "to_dlpack", "from_dlpack", "asarray"])


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = refused_operation(trace, *ARRAY)
    if operation is None or operation.op not in TAKING:
        return
    asked = [key for key in operation.inputs if trace.tensors[key].requires_grad]
    if not asked:
        return
    key = asked[0]
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
        evidence={"tensor": key, "op": operation.op},
        moment=operation.moment or None,
        refs=(key,),
    )
