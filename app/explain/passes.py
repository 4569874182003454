"""What a loop carries from one pass into the next together with its graph."""

from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct

from app.explain.memo import once
from app.trace.model import Trace
from app.trace.moments import standing

_LOOKED_AT = 4  # rebindings of one name: a loop shows in its first passes
_FURTHEST = 2_000  # nodes between a value and the one of the pass before


class Carried(Struct, frozen=True, kw_only=True):
    """A value that was made, on one line and in two passes, from what its name stood for in the pass before."""

    name: str
    before: str  # the node of the earlier
    after: str  # and of the later
    tensor: str  # the later
    line: int


@once
def carried(trace: Trace) -> tuple[Carried, ...]:
    """One for each name, and for each tensor that is written in place pass after pass."""
    if not any(backward.fired for backward in trace.backwards):
        return ()
    found: dict[str, Carried] = {}
    for name, tensor, before, after in _rebound(trace):
        if name not in found and (line := _same_line(trace, before, after)) and _leads_to(trace, after, before):
            found[name] = Carried(name=name, before=before, after=after, tensor=tensor, line=line)
    return tuple(found.values())


def _rebound(trace: Trace) -> Iterator[tuple[str, str, str, str]]:
    """A name, the tensor it stands for next, and the nodes of what it stood for and of that."""
    last: dict[tuple[int, str], str | None] = {}
    looked: dict[tuple[int, str], int] = {}
    for binding in trace.bindings:
        if binding.tensor is None:
            continue
        variable, tensor = (binding.frame, binding.name), trace.tensors[binding.tensor]
        turn = standing(tensor, binding.moment)
        node = None if turn.is_leaf else turn.node
        before = last.get(variable)
        last[variable] = node
        if node and before and before != node and looked.get(variable, 0) < _LOOKED_AT:
            looked[variable] = looked.get(variable, 0) + 1
            yield binding.name, binding.tensor, before, node
    for key, tensor in trace.tensors.items():
        nodes = [turn.node for turn in tensor.turns if turn.node and not turn.is_leaf][:_LOOKED_AT]
        for before, after in pairwise(nodes):
            if tensor.name:
                yield tensor.name, key, before, after


def _same_line(trace: Trace, before: str, after: str) -> int | None:
    """The line on which both nodes were recorded, in two runs of it."""
    one, other = trace.nodes[before].step, trace.nodes[after].step
    if one is None or other is None or one == other or trace.line(one) != trace.line(other):
        return None
    return trace.line(one)


def _leads_to(trace: Trace, after: str, before: str) -> bool:
    """Whether backward comes from `after` to `before`."""
    nodes, since = trace.nodes, trace.nodes[before].moment
    seen = {after}
    todo = [after]
    while todo and len(seen) < _FURTHEST:
        for edge in nodes[todo.pop()].inputs:
            if edge is None or edge.node in seen:
                continue
            if edge.node == before:
                return True
            if nodes[edge.node].moment >= since:
                seen.add(edge.node)
                todo.append(edge.node)
    return False
