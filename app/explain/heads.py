"""How a value without a graph comes into a loss: as what a result is compared with, or as a network's input."""

from collections import Counter
from collections.abc import Iterator

from app.trace.flow import Cut
from app.trace.model import Node, Trace

_COMPARING = frozenset(  # of a result with a target
    [
        *("MseLossBackward0", "SmoothL1LossBackward0", "HuberLossBackward0", "L1LossBackward0"),
        *("KlDivBackward0", "BinaryCrossEntropyBackward0", "BinaryCrossEntropyWithLogitsBackward0"),
        *("SubBackward0", "RsubBackward1", "CosineSimilarityBackward0", "CosineEmbeddingLossBackward0"),
    ]
)
_ADDING = frozenset(["AddBackward0", "StackBackward0", "CatBackward0"])


def is_compared(trace: Trace, cut: Cut) -> bool:
    """Whether the value of `cut` is what a result with a graph is compared with, right below a loss."""
    into = set(cut.into)
    for backward in trace.backwards:
        roots = [node for key in backward.roots if (node := trace.tensors[key].node)]
        for key in _head(trace, roots):
            below = trace.nodes[key]
            if key in into and below.name in _COMPARING and _live(below):
                return True
    return False


def _head(trace: Trace, roots: list[str]) -> Iterator[str]:
    """The nodes from `roots` up to where several values with a graph first meet otherwise than by adding."""
    seen: set[str] = set()
    todo = list(roots)
    while todo:
        key = todo.pop()
        if key in seen:
            continue
        seen.add(key)
        yield key
        node = trace.nodes[key]
        live = _live(node)
        if len(live) == 1 or node.name in _ADDING:
            todo += live


def _live(node: Node) -> list[str]:
    return [edge.node for edge in node.inputs if edge]


def is_fed_beside_others(trace: Trace, cut: Cut) -> bool:
    """Whether the value of `cut` is the input of a network that was given other values too, for the same backward.

    So is a discriminator, with what the generator made and with what is real.
    """
    into = set(cut.into)
    for backward in trace.backwards:
        fired = {fired.node for fired in backward.fired}
        if not fired & into:
            continue
        calls = {call for key in fired if (call := _outermost(trace, key)) is not None}
        fed = {call for key in into & fired if (call := _outermost(trace, key)) is not None}
        often = Counter(trace.calls[call].module for call in calls)
        fed_modules = {trace.calls[call].module for call in fed}
        others = {trace.calls[call].module for call in calls - fed}
        if any(often[module] > 1 for module in fed_modules & others):
            return True
    return False


def _outermost(trace: Trace, node: str) -> int | None:
    """The module call, not within another, that recorded `node`."""
    call = trace.nodes[node].call
    while call is not None and (parent := trace.calls[call].parent) is not None:
        call = parent
    return call
