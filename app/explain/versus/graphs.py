"""In what the graphs of two runs part: what was recorded, where its edges lead, and what backward let go.

Nodes have other ids in another run. Each is known by its name and by where its edges lead, in whatever order; a graph
is known by how often it has each.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from app.explain.facts import code
from app.trace.history import History
from app.trace.model import Node, Trace

NOWHERE = "no node"
LEAF = "AccumulateGrad"
MOST_EDGES = 4


class Known(Struct, frozen=True):
    """What a node is known by in another run: its name, and where its edges lead, in words."""

    name: str
    leads: tuple[str, ...]


Event = tuple[int, Known]  # the moment from which on
Telling = Callable[[Counter[Known], Counter[Known]], Iterator[str]]


class Graphs:
    """Two runs' graphs, asked for column after column. What the runs come to share at their ends does not part them:
    of two snippets that are laid out otherwise, one records a moment before the other.
    """

    def __init__(self, left: History, right: History) -> None:
        recorded = (list(_recorded(left.trace)), list(_recorded(right.trace)))
        let_go = (list(_let_go(left.trace)), list(_let_go(right.trace)))
        self._streams = [
            _Stream(*events, telling)
            for events, telling in ((recorded, _more_recorded), (let_go, _more_let_go))
            if Counter(known for _, known in events[0]) != Counter(known for _, known in events[1])
        ]

    def ways(self, left: int, right: int) -> Iterator[str]:
        """In what the graphs differ at these moments, which never go back."""
        for stream in self._streams:
            yield from stream.ways(left, right)


class _Stream:
    """What comes to two graphs in the order of moments, and in which of them there is more of it."""

    def __init__(self, left: Iterable[Event], right: Iterable[Event], telling: Telling) -> None:
        self._events = [sorted(events, key=lambda event: event[0]) for events in (left, right)]
        self._at = [0, 0]
        self._more: Counter[Known] = Counter()  # on the left than on the right; less is below 0
        self._telling = telling

    def ways(self, *moments: int) -> Iterator[str]:
        for side, moment in enumerate(moments):
            events = self._events[side]
            while self._at[side] < len(events) and events[self._at[side]][0] <= moment:
                self._more[events[self._at[side]][1]] += -1 if side else 1
                self._at[side] += 1
        left, right = +self._more, -self._more
        if left or right:
            yield from self._telling(left, right)


def _recorded(trace: Trace) -> Iterator[Event]:
    for node in trace.nodes.values():
        yield node.moment, _known(trace, node)


def _let_go(trace: Trace) -> Iterator[Event]:
    for node in trace.nodes.values():
        if node.freed_at is not None and node.saved:
            yield node.freed_at, _known(trace, node)


def _known(trace: Trace, node: Node) -> Known:
    leads = (_lead(trace, trace.nodes[edge.node]) if edge else NOWHERE for edge in node.inputs)
    name = _lead(trace, node) if node.name == LEAF else code(node.name)
    return Known(name, tuple(sorted(leads)))


def _lead(trace: Trace, node: Node) -> str:
    """A node in words; of an AccumulateGrad the leaf that it adds up for."""
    if node.name != LEAF:
        return code(node.name)
    leaf = next((name for key in node.tensors if (name := trace.tensors[key].name)), None)
    return code(leaf) if leaf else "a leaf without a name"


def _more_recorded(left: Counter[Known], right: Counter[Known]) -> Iterator[str]:
    """A node that one graph has alone tells more than where an edge leads, which that node changes as well."""
    names, others = (_names(more) for more in (left, right))
    for here, there, more in (("left", "right", names - others), ("right", "left", others - names)):
        if more:
            yield f"On the {here} {next(iter(more))} is in the graph, and not in the one of the {there}."
    for one in left:
        other = next((other for other in right if other.name == one.name), None)
        if other is not None:
            yield f"{one.name} leads to {_leads(one.leads)} on the left and to {_leads(other.leads)} on the right."
            return


def _names(more: Counter[Known]) -> Counter[str]:
    names: Counter[str] = Counter()
    for known, count in more.items():
        names[known.name] += count
    return names


def _more_let_go(left: Counter[Known], right: Counter[Known]) -> Iterator[str]:
    for here, there, more in (("left", "right", left), ("right", "left", right)):
        if more:
            yield f"On the {here} backward has let go of what {next(iter(more)).name} saved; on the {there} it has not."


def _leads(leads: Sequence[str]) -> str:
    shown = [*leads[:MOST_EDGES], *([f"{len(leads) - MOST_EDGES} more"] if len(leads) > MOST_EDGES else [])]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else NOWHERE
