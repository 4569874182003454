"""`requires_grad` of a tensor was switched off that an operator made.

The graph already leads through such a tensor to the leaves that it was made from. To switch its flag would not take
it out of there. Only a leaf can be told that no gradient is wanted.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.switches import detach_for_off
from app.explain.facts import called
from app.explain.refusals import refused_operation
from app.explain.rule import Page
from app.trace.model import Trace
from app.trace.moments import standing

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.requires_grad_.html"
PAGE = Page(
    title="`requires_grad` switched off inside a graph",
    severity="error",
    see="`y` has a node over it: it is no leaf. The run ends at the line that wants to switch its flag.",
    mend="Take the value without its graph: `y = y.detach()`. Or switch the leaf off before the forward runs.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
y = w * 2
y.requires_grad_(False)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (detach_for_off,)
TORCH_SAYS = "you can only change requires_grad flags of leaf variables"


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = refused_operation(trace, TORCH_SAYS)
    if operation is None or operation.op not in ("requires_grad_", ".requires_grad=") or not operation.inputs:
        return
    key = operation.inputs[0]
    tensor = trace.tensors[key]
    if standing(tensor, operation.moment).is_leaf:
        return
    line, name = trace.line(operation.step), called(trace, key)
    made = trace.line(tensor.step) if tensor.step is not None else line
    node = trace.nodes[tensor.node].name if tensor.node else "an operator"
    yield Diagnosis(
        rule="requires-grad-off-inside-graph",
        severity="error",
        title=f"{name} is no leaf: its `requires_grad` cannot be set",
        cause=(
            f"Line {line} sets `requires_grad` of {name}. Line {made} made {name} from a tensor that requires "
            f"grad (`{node}`), so it stands inside a graph, and only a leaf has a flag of its own."
        ),
        fix=f"Leave line {line} out: {name} requires grad anyway. Where no gradient should flow, use its `.detach()`.",
        lines=tuple(dict.fromkeys([line, made])),
        source=SOURCE,
        evidence={"tensor": key, "node": tensor.node, "op": operation.op},
        moment=operation.moment or None,
        refs=tuple(one for one in (key, tensor.node) if one),
    )
