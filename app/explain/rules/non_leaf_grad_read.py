"""`.grad` of a tensor that is no leaf was read, and is None.

Backward passes the gradient of such a tensor on to the nodes above it. To keep them all would take as much memory as
the forward did, so only leaves keep theirs, and tensors for which `retain_grad()` asked before.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.retain_grad import retain_grad
from app.explain.facts import called
from app.explain.leaves import gradient_reads
from app.explain.rule import Page
from app.explain.rules.leaf_rebound import rebound
from app.trace.model import Operation, Trace
from app.trace.moments import standing

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.retain_grad.html"
PAGE = Page(
    title="`.grad` of a tensor that is no leaf",
    severity="warning",
    see=(
        "`y` has a node over it, so it is no leaf. The gradient is seen on the edge below that node, and is "
        "kept nowhere."
    ),
    mend="Call `y.retain_grad()` after `y` is made and before backward.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
y = w * 2
y.sum().backward()
print(y.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (retain_grad,)


def check(trace: Trace) -> Iterator[Diagnosis]:
    told: set[tuple[int | None, str]] = set()  # in a loop each pass makes, and reads, a tensor of its own
    other = {one.tensor for one in rebound(trace)}
    for operation in gradient_reads(trace):
        key = operation.inputs[0]
        if operation.outputs or key in other or standing(trace.tensors[key], operation.moment).is_leaf:
            continue
        tensor = trace.tensors[key]
        place = trace.line(tensor.step) if tensor.step is not None else None, tensor.name or key
        if (tensor.retains_grad and not passed_before(trace, operation, tensor.node)) or place in told:
            continue
        told.add(place)
        yield diagnose(trace, operation, key)


def passed_before(trace: Trace, read: Operation, node: str | None) -> bool:
    """Whether a backward had run `node` before: told to keep its gradient by then, the tensor would have one."""
    return any(
        fired.node == node for backward in trace.backwards for fired in backward.fired if fired.moment <= read.moment
    )


def diagnose(trace: Trace, read: Operation, key: str) -> Diagnosis:
    step = read.step
    tensor, line, name = trace.tensors[key], trace.line(step), called(trace, key)
    node = trace.nodes[tensor.node].name if tensor.node else "an operator"
    made = tensor.step
    made_line = trace.line(made) if made is not None else line
    return Diagnosis(
        rule="non-leaf-grad-read",
        severity="warning",
        title=f"{name} keeps no gradient: it is not a leaf",
        cause=(
            f"Line {line} reads `.grad` of {name}, which line {made_line} made (`{node}`). "
            "Backward passes the gradient of such a tensor on and keeps it only for leaves, so it is None."
        ),
        fix=f"Call `.retain_grad()` on {name} after line {made_line} and before backward, or read `.grad` of a leaf.",
        lines=tuple(dict.fromkeys([line, made_line])),
        source=SOURCE,
        evidence={"tensor": key, "node": tensor.node},
        moment=read.moment or None,
        refs=tuple(one for one in (key, tensor.node) if one),
    )
