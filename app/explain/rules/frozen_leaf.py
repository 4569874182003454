"""`.grad` of a tensor was read that does not require grad: it is None by request.

Backward computes gradients only for leaves that require grad. A tensor does not unless it was made with
`requires_grad=True`, and `requires_grad_(False)` freezes a parameter. Nothing is wrong; there just is no gradient.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.facts import called, makers, upstream
from app.explain.leaves import gradient_reads, turned_off
from app.explain.rule import Page
from app.explain.rules.integer_requires_grad import is_real
from app.trace.model import Operation, Trace
from app.trace.moments import Moments, standing

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad"
PAGE = Page(
    title="Leaf that does not require grad",
    severity="note",
    see="No `AccumulateGrad` stands over `x` in the graph, and the table has no gradient for it.",
    mend="Make it with `requires_grad=True`, or call `x.requires_grad_()` before the forward, if a gradient is wanted.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
x = torch.ones(3)
(w * x).sum().backward()
print(x.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = ()


def check(trace: Trace) -> Iterator[Diagnosis]:
    told: set[int] = set()
    steps: dict[int, set[int]] = {}
    for read in gradient_reads(trace):
        steps.setdefault(trace.line(read.step), set()).add(read.step)
    for read in gradient_reads(trace):
        line = trace.line(read.step)
        # a line that runs for one leaf after the other looks which of them have a gradient
        if line in told or read.outputs or len(steps[line]) > 1 or not is_asked(trace, read):
            continue
        told.add(line)
        yield diagnose(trace, read)


def is_asked(trace: Trace, read: Operation) -> bool:
    """Whether a backward before `read` started from something that was made from a leaf without a gradient."""
    key = read.inputs[0]
    tensor = trace.tensors[key]
    turn = standing(tensor, read.moment)
    if turn.requires_grad or not turn.is_leaf or tensor.continues or not is_real(tensor.dtype):
        return False
    roots = [
        root
        for backward in trace.backwards
        if backward.call == "backward" and not backward.raised and backward.moment <= read.moment
        for root in backward.roots
    ]
    return bool(roots) and key in upstream(makers(trace), roots)


def diagnose(trace: Trace, read: Operation) -> Diagnosis:
    key = read.inputs[0]
    tensor, line, name = trace.tensors[key], trace.line(read.step), called(trace, key)
    off = turned_off(tensor, read.moment)
    if off is None:
        guilty = trace.line(tensor.step) if tensor.step is not None else line
        cause = "Backward gives gradients only to leaves that require grad."
        fix = f"let {name} require grad when line {guilty} makes it, or with `.requires_grad_()`."
    else:
        guilty = Moments(trace).line_of(off.moment)
        cause = (
            f"Line {guilty} turned `requires_grad` off, and backward gives gradients only to leaves that require it."
        )
        fix = f"let {name} require grad from the forward until backward is over."
    return Diagnosis(
        rule="frozen-leaf",
        severity="note",
        title=f"{name} does not require grad, so it has no gradient",
        cause=f"Line {line} reads `.grad` of {name}. {cause}",
        fix=f"If a gradient is wanted, {fix}",
        lines=tuple(dict.fromkeys([line, guilty])),
        source=SOURCE,
        evidence={"tensor": key},
        moment=read.moment or None,
        refs=(key,),
    )
