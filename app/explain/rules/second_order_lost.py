"""A gradient cannot be differentiated again: it has no graph of its own.

Backward runs with grad mode off unless it is told `create_graph=True`, so a gradient is plain numbers, as a constant
would be. The backward of a custom Function can lose the graph as well: one marked `once_differentiable`, or one that
computes with values taken out of it.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.create_graph import create_graph
from app.explain.facts import called, code
from app.explain.rule import Page
from app.explain.second import AddedAsConstant, Lost, added_as_constant, lost_gradient, refusing_node
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad.html"
PAGE = Page(
    title="Gradient that cannot be differentiated again",
    severity="error",
    see="`g` has no node over it: no line of the graph leads from it to `w`.",
    mend="Make the gradient with a graph: `torch.autograd.grad(y, w, create_graph=True)`.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
y = (w ** 3).sum()
(g,) = torch.autograd.grad(y, w)
g.sum().backward()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (create_graph,)


def check(trace: Trace) -> Iterator[Diagnosis]:
    lost = lost_gradient(trace)
    if lost is not None:
        yield of_root(trace, lost)
        return
    refusing = refusing_node(trace)
    if refusing is not None:
        yield of_node(trace, *refusing)
        return
    constant = added_as_constant(trace)
    if constant is not None:
        yield of_penalty(trace, constant)


def of_root(trace: Trace, lost: Lost) -> Diagnosis:
    line, made = trace.line(lost.refused.step), trace.line(lost.maker.step)
    gradient, root = called(trace, lost.gradient), called(trace, lost.root)
    if lost.custom:
        name = code(trace.nodes[lost.custom].name.removesuffix("Backward"))
        why = f"the backward of {name}, which it went through, gave a gradient without a graph"
        fix = f"Write the backward of {name} with operators on tensors, without `.detach()` or `once_differentiable`."
    else:
        why = "it ran without `create_graph=True`, so nothing was recorded"
        fix = f"Pass `create_graph=True` on line {made}: the gradient then has a graph."
    return Diagnosis(
        rule="second-order-lost",
        severity="error",
        title=f"{gradient} cannot be differentiated again",
        cause=f"Line {made} computed {gradient}, and {why}. Backward on line {line} starts from {root}, made from it.",
        fix=fix,
        lines=tuple(dict.fromkeys([made, line])),
        source=SOURCE,
        evidence={"gradient": lost.gradient, "root": lost.root, "node": lost.custom},
        moment=lost.maker.moment or None,
        refs=tuple(key for key in (lost.gradient, lost.root, lost.custom) if key),
    )


def of_node(trace: Trace, step: int, moment: int, node: str, named: str) -> Diagnosis:
    line = trace.line(step)
    made = trace.nodes[node].step
    made_line = trace.line(made) if made is not None else line
    return Diagnosis(
        rule="second-order-lost",
        severity="error",
        title=f"{code(named)} can be differentiated only once",
        cause=(
            f"Line {made_line} went through the backward of {code(named)} with `create_graph=True`. "
            f"That backward has no derivative of its own, so backward on line {line} stops there."
        ),
        fix=f"Use operators that can be differentiated twice in place of {code(named)}.",
        lines=tuple(dict.fromkeys([line, made_line])),
        source=SOURCE,
        evidence={"node": node},
        moment=moment or None,
        refs=(node,),
    )


def of_penalty(trace: Trace, found: AddedAsConstant) -> Diagnosis:
    made, added, line = (trace.line(step) for step in (found.maker.step, found.added.step, found.backward.step))
    gradient = called(trace, found.gradient)
    return Diagnosis(
        rule="second-order-lost",
        severity="warning",
        title=f"{gradient} is a constant in the loss",
        cause=(
            f"Line {added} adds a term made from {gradient} to the loss. Line {made} computed that gradient without "
            f"`create_graph=True`, so the term has no graph and backward on line {line} passes it over."
        ),
        fix=f"Compute the gradient with `torch.autograd.grad(..., create_graph=True)` on line {made}.",
        lines=tuple(dict.fromkeys([made, added, line])),
        source=SOURCE,
        evidence={"gradient": found.gradient, "term": found.term},
        moment=found.added.moment or None,
        refs=(found.gradient, found.term),
    )
