"""A value that led to the loss left the graph, and a leaf above it got no gradient.

`detach()`, `.data`, `no_grad`, a Python number, numpy: each hands the value on without its history. What is computed
from it has no node that leads back. Backward ends there, and the leaves above keep `.grad` None.
"""

from collections.abc import Iterator

from app.explain.cuts import in_checkpoint, is_convention, told, unreached_by
from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.leave_out_cut import leave_out_cut
from app.explain.edits.stack import stack
from app.explain.rule import Page
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html"
PAGE = Page(
    title="Graph cut on the way to a leaf",
    severity="warning",
    see=(
        "The graph shows the cut as a break in the line, with the operator that made it. The leaves above it "
        "have no gradient in the table."
    ),
    mend="Hand on the tensor itself where its leaves should learn. Keep the cut where they should not.",
    example="""\
import torch

A = torch.nn.Linear(2, 3)
B = torch.nn.Linear(3, 1)
x = torch.ones(4, 2)
B(A(x).detach()).sum().backward()
print(A.weight.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (stack, leave_out_cut)


def check(trace: Trace) -> Iterator[Diagnosis]:
    for cut, leaves in unreached_by(trace).items():
        if not is_convention(trace, cut, leaves) and not in_checkpoint(trace, cut):
            yield told(trace, cut, leaves, SOURCE)
