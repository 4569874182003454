"""A name meant for a leaf stands for an operator's result: that is no leaf, and its `.grad` stays None.

An operator makes a new tensor and leaves the old one as it was. After `w = w - lr * w.grad` or `w = w.to(...)` the name
`w` stands for the new one, which has a `grad_fn`. Backward keeps gradients on leaves only, so they go to the old
tensor, which has no name any more.
"""

from collections.abc import Iterator

from msgspec import Struct

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.leaf_last import leaf_last
from app.explain.edits.update_in_place import update_in_place
from app.explain.facts import code, makers, upstream
from app.explain.leaves import gradient_reads
from app.explain.memo import once
from app.explain.rule import Page
from app.trace.model import Trace
from app.trace.moments import standing

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.is_leaf.html"
PAGE = Page(
    title="Name of a leaf that stands for a result",
    severity="warning",
    see="`w` has a node over it, so it is no leaf. The leaf that holds the gradient has no name.",
    mend=(
        "Update a leaf in place: `with torch.no_grad(): w -= lr * w.grad`. Make a leaf last of all: "
        "`w = (torch.randn(3) * 0.1).requires_grad_()`."
    ),
    example="""\
import torch

w = torch.randn(3, requires_grad=True) * 0.1
(w * w).sum().backward()
print(w.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (update_in_place, leaf_last)


class Rebound(Struct, frozen=True, kw_only=True):
    """A result that was used as the leaf that it was made from."""

    tensor: str
    leaf: str
    step: int  # at which it was used as a leaf
    moment: int
    optimizer: str | None  # that refused it; else its `.grad` was read
    name: str


@once
def rebound(trace: Trace) -> tuple[Rebound, ...]:
    """Each once: in the order of use."""
    uses: list[tuple[int, int, str | None, str]] = [
        (read.step, read.moment, None, read.inputs[0]) for read in gradient_reads(trace) if not read.outputs
    ]
    uses += [
        (group.step, group.moment, group.optimizer, key)
        for group in trace.param_groups
        if group.raised
        for key in group.params
    ]
    found: dict[tuple[int | None, str], Rebound] = {}
    above = makers(trace) if uses else {}
    for step, moment, optimizer, key in uses:
        tensor = trace.tensors[key]
        turn = standing(tensor, moment)
        if turn.is_leaf or turn.node is None or not (tensor.name or (optimizer and tensor.expression)):
            continue
        leaf = leaf_of(trace, key, upstream(above, [key]))
        if leaf is None and optimizer is None:
            continue
        line = trace.line(tensor.step) if tensor.step is not None else None
        one = Rebound(tensor=key, leaf=leaf or key, step=step, moment=moment, optimizer=optimizer, name=tensor.label)
        found.setdefault((line, tensor.label), one)
    return tuple(found.values())


def leaf_of(trace: Trace, key: str, above: set[str]) -> str | None:
    """The leaf that the name of `key` stood for before, or that was made for it on the same line."""
    tensor = trace.tensors[key]
    leaves = [
        other for other in above if other != key and trace.tensors[other].is_leaf and trace.tensors[other].requires_grad
    ]
    before = [other for other in leaves if set(trace.tensors[other].names) & set(tensor.names)]
    if before:
        return min(before, key=lambda other: trace.tensors[other].moment)
    nameless = [
        other for other in leaves if not trace.tensors[other].names and trace.tensors[other].step == tensor.step
    ]
    return nameless[0] if nameless and len(nameless) == len(leaves) else None


def check(trace: Trace) -> Iterator[Diagnosis]:
    for one in rebound(trace):
        yield diagnose(trace, one)


def diagnose(trace: Trace, one: Rebound) -> Diagnosis:
    tensor = trace.tensors[one.tensor]
    name, line = code(one.name), trace.line(one.step)
    made = trace.line(tensor.step) if tensor.step is not None else line
    node = trace.nodes[tensor.node].name if tensor.node else "an operator"
    if one.optimizer:
        used = f"Line {line} hands {name} to {one.optimizer}, which takes leaves only."
    else:
        used = f"Line {line} reads its `.grad`, which is None: backward keeps gradients on leaves only."
    op = code(tensor.op or "an operator")
    if trace.tensors[one.leaf].names:
        fix = (
            f"Let {name} stay the leaf: change it in place under `torch.no_grad()` on line {made}, "
            "or give the result another name."
        )
    else:
        fix = f"Compute the values first and let {name} require grad last: `.detach().requires_grad_()` on line {made}."
    return Diagnosis(
        rule="leaf-rebound",
        severity="warning",
        title=f"{name} is no leaf any more" if trace.tensors[one.leaf].names else f"{name} is no leaf",
        cause=f"{op} on line {made} made the tensor that {name} stands for (`{node}`), so it is no leaf. {used}",
        fix=fix,
        lines=tuple(dict.fromkeys([made, line])),
        source=SOURCE,
        evidence={"tensor": one.tensor, "leaf": one.leaf, "optimizer": one.optimizer},
        moment=tensor.moment or None,
        refs=tuple(dict.fromkeys(key for key in (one.tensor, one.leaf, tensor.node) if key)),
    )
