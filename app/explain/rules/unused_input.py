"""`autograd.grad` was asked for the gradient of an input that the output does not depend on."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.allow_unused import allow_unused
from app.explain.facts import called, ended_with, listed
from app.explain.rule import Page
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad.html"
PAGE = Page(
    title="Input that the output does not depend on",
    severity="error",
    see="In the graph no line leads from the output to `v`.",
    mend="Ask for an input that the output was made from, or pass `allow_unused=True` to get None for it.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
v = torch.ones(3, requires_grad=True)
torch.autograd.grad((w * 2).sum(), v)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (allow_unused,)
TORCH_SAYS = "appears to not have been used in the graph"


def check(trace: Trace) -> Iterator[Diagnosis]:
    backward = trace.backwards[-1] if trace.backwards else None
    if backward is None or not backward.raised or not backward.inputs or not ended_with(trace, TORCH_SAYS):
        return
    above = nodes_above(trace, backward.roots)
    unused = [key for key in backward.inputs if trace.tensors[key].node not in above]
    if not unused:
        return
    line, names = trace.line(backward.step), [trace.tensors[key].label for key in unused]
    roots = " and ".join(called(trace, key) for key in backward.roots) or "the output"
    yield Diagnosis(
        rule="unused-input",
        severity="error",
        title=f"{listed(names)} is not in the graph of {roots}",
        cause=f"Line {line} asks how {roots} changes with {listed(names)}, but it was not made from that.",
        fix="Ask for an input that the output was made from, or pass `allow_unused=True` to get None for it.",
        lines=(line,),
        source=SOURCE,
        evidence={"inputs": list(unused)},
    )


def nodes_above(trace: Trace, roots: tuple[str, ...]) -> set[str]:
    """Every node that backward from `roots` can come to."""
    found: set[str] = set()
    todo = [node for key in roots if (node := trace.tensors[key].node)]
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo += [edge.node for edge in trace.nodes[node].inputs if edge]
    return found
