"""A value left the graph where that is the convention, and a leaf above it got no gradient.

A target network, a teacher or an evaluation runs under `no_grad`: its values are wanted, its gradients are not. A
discriminator is trained on what the generator made, and the generator is not to learn from that. The cut keeps the
graph small and those leaves as they are.
"""

from collections.abc import Iterator

from app.explain.cuts import in_checkpoint, is_convention, told, unreached_by
from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.rule import Page
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html"
PAGE = Page(
    title="Graph cut by convention",
    severity="note",
    see="The graph shows the cut as a break in the line. What lies above it has no gradient, as is meant here.",
    mend="Nothing, where that is what you want. Else compute the value with grad mode on.",
    example="""\
import torch

teacher = torch.nn.Linear(2, 1)
student = torch.nn.Linear(2, 1)
x = torch.ones(4, 2)
with torch.no_grad():
    target = teacher(x)
(student(x) - target).pow(2).mean().backward()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = ()


def check(trace: Trace) -> Iterator[Diagnosis]:
    for cut, leaves in unreached_by(trace).items():
        if is_convention(trace, cut, leaves) and not in_checkpoint(trace, cut):
            yield told(trace, cut, leaves, SOURCE)
