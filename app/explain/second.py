"""Gradients that are differentiated again, and where their graph was lost."""

from bisect import bisect_right
from collections.abc import Iterator

from msgspec import Struct

from app.explain.cuts import all_cuts
from app.explain.facts import ended_with, makers, upstream
from app.explain.memo import once
from app.explain.refusals import refused_backward
from app.trace.model import Backward, Operation, Trace

NO_GRAPH = "does not require grad and does not have a grad_fn"
_ONCE = ("differentiate twice", "is not implemented")
_REFUSING = frozenset(["Error", "DelayedError", "NotImplemented"])
_ADDING = frozenset(["add", "__add__", "__radd__", "add_", "__iadd__", "sub", "__sub__", "__rsub__"])
_TWICE = "BackwardBackward"  # in the name of a node that an operator's own backward has recorded
_NUMBER = ((), (1,))


class Lost(Struct, frozen=True, kw_only=True):
    """A gradient without a graph that a refused backward started from."""

    gradient: str
    root: str
    maker: Backward
    refused: Backward
    custom: str | None  # the node of a custom Function that lost the graph


class AddedAsConstant(Struct, frozen=True, kw_only=True):
    """A gradient without a graph in a term of a loss."""

    gradient: str
    term: str
    maker: Backward
    added: Operation
    backward: Backward


@once
def lost_gradient(trace: Trace) -> Lost | None:
    """Why the backward that torch refused had no graph, where that was made from a gradient."""
    refused = refused_backward(trace, NO_GRAPH)
    if refused is None or refused.fired:
        return None
    for root in refused.roots:
        if trace.tensors[root].requires_grad:
            continue
        above = upstream(makers(trace), [root])
        for gradient, maker in _gradients(trace):
            if gradient not in above or maker.moment >= refused.moment or _is_cut_after(trace, gradient, above):
                continue
            custom = next((fired.node for fired in maker.fired if trace.nodes[fired.node].custom), None)
            if not maker.creates_graph or custom:
                return Lost(
                    gradient=gradient,
                    root=root,
                    maker=maker,
                    refused=refused,
                    custom=custom if maker.creates_graph else None,
                )
    return None


def _is_cut_after(trace: Trace, gradient: str, above: set[str]) -> bool:
    """Whether something else that led to the same result, not to `gradient`, left its graph: an update, perhaps."""
    before = upstream(makers(trace), [gradient])
    return any(cut.result in above and cut.result not in before for cut in all_cuts(trace))


def constant_gradient(trace: Trace, above: set[str]) -> str | None:
    """A gradient among `above` that was made with a graph of its own, and is a constant all the same."""
    made = (key for key, maker in _gradients(trace) if maker.creates_graph and trace.tensors[key].node is None)
    return next((key for key in made if key in above), None)


def _gradients(trace: Trace) -> Iterator[tuple[str, Backward]]:
    """The gradients that the snippet had in its hands, each with the backward that made it, the latest first."""
    finished = [backward for backward in trace.backwards if not backward.raised]
    for operation in reversed(trace.operations) if finished else ():
        if operation.op not in ("grad", ".grad"):
            continue
        call = "grad" if operation.op == "grad" else "backward"
        for key in operation.outputs:
            # `.grad` was first seen when backward made it, what `grad` hands out when that was over
            until = operation.moment if call == "grad" else trace.tensors[key].moment
            at = bisect_right(finished, until, key=lambda backward: backward.moment) - 1
            while at >= 0 and finished[at].call != call:
                at -= 1
            if at >= 0:
                yield key, finished[at]


def refusing_node(trace: Trace) -> tuple[int, int, str, str] | None:
    """The step and moment of a backward that came to a node which only refuses, that node, and what it stands for."""
    refused = trace.backwards[-1] if trace.backwards else None
    if refused is None or not refused.raised or not any(ended_with(trace, text) for text in _ONCE):
        return None
    todo = [node for root in refused.roots if (node := trace.tensors[root].node)]
    finished = {fired.node for fired in refused.fired if fired.finished}
    seen: set[str] = set()
    while todo:
        key = todo.pop()
        if key in seen:
            continue
        seen.add(key)
        above = trace.nodes[key]
        refuses = above.name in _REFUSING or (_TWICE in above.name and key not in finished)
        if refuses and (name := _differentiated(trace, above.step, above.moment)):
            return refused.step, refused.moment, key, name
        todo += [edge.node for edge in above.inputs if edge]
    return None


def _differentiated(trace: Trace, step: int | None, moment: int) -> str | None:
    """The name of the node whose backward recorded something at `moment`, without the word for its backward.

    None where no backward did: that operator cannot even be differentiated once.
    """
    fired = [
        one
        for backward in trace.backwards
        if backward.creates_graph and backward.step == step
        for one in backward.fired
        if one.moment <= moment
    ]
    custom = [one for one in fired if trace.nodes[one.node].custom]
    candidates = custom or fired
    if not candidates:
        return None
    return trace.nodes[candidates[-1].node].name.removesuffix("0").removesuffix("Backward")


@once
def added_as_constant(trace: Trace) -> AddedAsConstant | None:
    """The first term of a loss that was made from gradients alone, none of which has a graph."""
    makers_of = {
        key: maker for key, maker in _gradients(trace) if not maker.creates_graph and trace.tensors[key].node is None
    }
    if not makers_of:
        return None
    came_from = {key: key for key in makers_of}
    for operation in trace.operations:
        brought = [key for key in operation.inputs if key in came_from]
        if not brought or operation.op in (".grad", "backward", "grad"):
            continue
        if operation.op in _ADDING and (found := _added(trace, operation, came_from, makers_of)):
            return found
        for key in operation.outputs:
            tensor = trace.tensors[key]
            if tensor.node is None and not tensor.requires_grad:
                came_from[key] = came_from[brought[0]]
    return None


def _added(
    trace: Trace, operation: Operation, came_from: dict[str, str], makers_of: dict[str, Backward]
) -> AddedAsConstant | None:
    """Whether `operation` adds one number, made from gradients, to a loss with a graph that backward then ran."""
    terms = [key for key in operation.inputs if key in came_from and trace.tensors[key].shape in _NUMBER]
    results = [trace.tensors[key] for key in operation.outputs]
    # a parameter that an optimizer adds its gradient to is no loss
    nodes = [tensor.node for tensor in results if tensor.shape in _NUMBER and not tensor.is_leaf]
    if not operation.grad_enabled or not terms or len(terms) == len(operation.inputs) or not any(nodes):
        return None
    gradient = came_from[terms[0]]
    for backward in trace.backwards:
        if backward.moment >= operation.moment and any(fired.node in nodes for fired in backward.fired):
            return AddedAsConstant(
                gradient=gradient, term=terms[0], maker=makers_of[gradient], added=operation, backward=backward
            )
    return None
