"""`backward(create_graph=True)` left gradients with a graph of their own.

A leaf's `.grad` then holds nodes that lead back to the leaf: a cycle that Python's reference counts do not free. The
memory of the whole graph stays until `.grad` is reset. `torch.autograd.grad` hands gradients out and leaves no cycle.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.facts import listed
from app.explain.rule import Page
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html"
PAGE = Page(
    title="Gradient that holds a graph",
    severity="note",
    see="`w.grad` has a node over it, from which the graph leads back to `w`.",
    mend=(
        "Use `torch.autograd.grad(loss, w, create_graph=True)`. Or set `w.grad = None` when it was differentiated. "
        "Leave `create_graph` out if no second derivative is wanted."
    ),
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
(w ** 3).sum().backward(create_graph=True)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = ()


def check(trace: Trace) -> Iterator[Diagnosis]:
    creating = [backward for backward in trace.backwards if backward.creates_graph and backward.call == "backward"]
    if not creating:
        return
    fired = {fired.node for backward in trace.backwards for fired in backward.fired}
    held: dict[str, str] = {}
    for key, tensor in trace.tensors.items():
        grad = tensor.grads[-1].tensor if tensor.grads and tensor.alive else None
        node = trace.tensors[grad].node if grad else None
        # differentiated again, it was made for that
        if grad and node and not trace.tensors[grad].is_leaf and node not in fired and tensor.is_leaf:
            held[key] = grad
    if not held:
        return
    last = creating[-1]
    line, names = trace.line(last.step), [f"{trace.tensors[key].label}.grad" for key in held]
    yield Diagnosis(
        rule="gradient-holds-graph",
        severity="note",
        title=f"{listed(names)} hold{'s' if len(names) == 1 else ''} a graph",
        cause=(
            f"Backward on line {line} ran with `create_graph=True`, so {listed(names)} can be differentiated again. "
            "Nothing did that, and the graph that leads back to the leaf stays in memory."
        ),
        fix=f"Leave out `create_graph=True` on line {line}, or set the gradient to None after it was used.",
        lines=(line,),
        source=SOURCE,
        evidence={"leaves": list(held), "gradients": list(held.values())},
        moment=last.moment or None,
        refs=(*held.values(), *held),
    )
