"""A write through a named view changed the tensor that it is a view of, and that tensor's history with it.

A view and its base share memory, so a write through one is a write of the other. Autograd records it for both: the
base gets a new `grad_fn`, `CopySlices`. Gradients that go through the base go through the write as well.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.facts import code, ids, lines_of, made_by
from app.explain.rule import Page
from app.trace.model import Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/tensor_view.html"
PAGE = Page(
    title="Base changed through a view",
    severity="note",
    see="At the write, the node `CopySlices` appears over `x`, and `MulBackward0` of `x` goes below it.",
    mend="If `x` is to stay as it is, write to a copy: `v = x[:2].clone()`.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
x = w * 2
v = x[:2]
v.mul_(10)
x.sum().backward()
print(w.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = ()
_REBASED = "CopySlices"


def check(trace: Trace) -> Iterator[Diagnosis]:
    rebased = {key: node for key, node in trace.nodes.items() if node.name == _REBASED}
    if not rebased:
        return
    fired = {fired.node for backward in trace.backwards for fired in backward.fired}
    for write in trace.writes:
        found = base_of(trace, write)
        if found is None:
            continue
        view, base = found
        turn = next((turn for turn in trace.tensors[base].turns if turn.moment == write.moment), None)
        if turn is None or turn.node not in rebased or turn.node not in fired or not had_node(trace, base, write):
            continue
        if any(base in operation.inputs and operation.moment > write.moment for operation in trace.operations):
            yield diagnose(trace, view, base, write, turn.node)
            return


def base_of(trace: Trace, write: Write) -> tuple[str, str] | None:
    """The view with a name of its own that `write` went through, from a line before, and its base, with another."""
    if write.through is None:
        return None
    view = trace.tensors[write.through]
    if not view.name or "[" in view.name or view.base is None or view.moment >= write.moment:
        return None
    base, tensor = list(made_by(trace, write.through))[-1]
    return (write.through, base) if tensor.name and tensor.name != view.name else None


def had_node(trace: Trace, base: str, write: Write) -> bool:
    """Whether the base was in a graph before: else the write only put it there, as filling a buffer does."""
    return any(turn.node and turn.moment < write.moment for turn in trace.tensors[base].turns)


def diagnose(trace: Trace, view: str, base: str, write: Write, node: str | None) -> Diagnosis:
    name, of = code(trace.tensors[view].label), code(trace.tensors[base].label)
    made = trace.tensors[view].step
    line = trace.line(made) if made is not None else None
    return Diagnosis(
        rule="view-history-rebased",
        severity="note",
        title=f"Line {write.line} wrote {of} through its view {name}",
        cause=(
            f"{name} is a view of {of}{f', from line {line}' if line else ''}. {code(write.op)} on line {write.line} "
            f"wrote {name}, so {of} has the new values too, and a new `grad_fn`: {code(_REBASED)}. Its gradient goes "
            "through the write."
        ),
        fix=f"That is right if both were to change. If {of} is to stay as it is, write to a `.clone()` of {name}.",
        lines=lines_of(write.line, line),
        source=SOURCE,
        evidence={"view": view, "base": base, "node": node},
        moment=write.moment,
        refs=ids(base, view, node),
    )
