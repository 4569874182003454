"""A graph as boxes to draw, each a node or several: what `fold` works on and hands on."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.trace.flow import ACCUMULATE, Cut
from app.trace.model import Trace

Kind = Literal["node", "module", "passes", "chain", "line", "rest"]


class Part(Struct, frozen=True, kw_only=True):
    """What one box stands for."""

    id: str  # of its node, or of the fold
    kind: Kind
    nodes: tuple[str, ...]
    title: str = ""  # of a fold: "model.0", "lines 4–6"
    words: str = ""  # of a fold: how many, in short
    detail: str = ""  # and what is in it
    opens: bool = False  # whether asking for it by id shows what is in it
    group: str | None = None  # the module call, shown open, that it stands in


class Join(Struct, frozen=True, kw_only=True):
    """One or more edges from part to part, in the direction of backward, or a cut where one would have been."""

    source: str
    target: str
    edges: tuple[tuple[str, int], ...] = ()  # node, and which of its inputs
    cut: Cut | None = None


class Group(Struct, frozen=True, kw_only=True):
    """Parts that stand in one frame: an opened module call."""

    id: str
    title: str
    words: str
    members: tuple[str, ...]


class Folded(Struct, frozen=True, kw_only=True):
    """A graph to draw. `apart` are folds that no edge leads to; `notes` say what is not drawn as itself."""

    parts: dict[str, Part]
    joins: tuple[Join, ...]
    groups: tuple[Group, ...]
    apart: tuple[Part, ...]
    reopened: tuple[Part, ...]  # what would be folded, had the reader not opened it
    notes: tuple[str, ...]
    loose: tuple[
        tuple[str, Cut], ...
    ]  # cuts whose value went into that part, with no way to draw to where it came from
    before: dict[str, tuple[str, ...]]  # the nodes of earlier passes that a drawn one stands for as well


class Parts:
    """The parts of a graph while it is being folded. Every node is in exactly one."""

    def __init__(
        self, trace: Trace, opened: frozenset[str] = frozenset(), troubled: frozenset[str] = frozenset()
    ) -> None:
        self.trace, self.opened, self.troubled = trace, opened, troubled
        self.reopened: list[Part] = []
        self.now = {key: Part(id=key, kind="node", nodes=(key,)) for key in trace.nodes}
        self.owner = {key: key for key in trace.nodes}
        self.groups: list[Group] = []
        self.notes: list[str] = []
        self.before: dict[str, tuple[str, ...]] = {}
        self._users: defaultdict[str, list[str]] = defaultdict(list)
        for key, node in trace.nodes.items():
            for edge in node.inputs:
                if edge:
                    self._users[edge.node].append(key)

    def __len__(self) -> int:
        return len(self.now)

    def single(self) -> Iterator[str]:
        """The nodes, leaves aside, that are still boxes of their own and stand in no group."""
        for key, part in self.now.items():
            if part.kind == "node" and part.group is None and not self.is_leaf(key):
                yield key

    def is_leaf(self, key: str) -> bool:
        """Whether it is the AccumulateGrad of a leaf."""
        return key in self.trace.nodes and self.trace.nodes[key].name == ACCUMULATE

    def line_of(self, node: str) -> int | None:
        """The source line that recorded `node`."""
        step = self.trace.nodes[node].step
        return self.trace.line(step) if step is not None else None

    def leaves_of(self, members: Iterable[str]) -> list[str]:
        """The leaves that nothing but the nodes `members` leads to."""
        together = dict.fromkeys(members)
        found = dict.fromkeys(
            edge.node
            for key in together
            for edge in self.trace.nodes[key].inputs
            if edge and self.is_leaf(edge.node) and edge.node in self.now and self.now[edge.node].group is None
        )
        return [key for key in found if all(user in together for user in self._users[key])]

    def fold(self, fold: Part) -> None:
        """Let `fold` stand for its nodes, unless the reader wants to see what is in it."""
        if fold.opens and fold.id in self.opened:
            self.reopened.append(fold)
        else:
            self.put(fold)

    def put(self, fold: Part, replaced: Iterable[str] | None = None) -> None:
        """Let `fold` stand for its nodes, and for the parts they were in."""
        for key in replaced if replaced is not None else {self.owner[node] for node in fold.nodes}:
            self.now.pop(key, None)
        for node in fold.nodes:
            self.now.pop(self.owner[node], None)
            self.owner[node] = fold.id
        self.now[fold.id] = fold

    def split_circles(self) -> None:
        """Take apart folds that lead back to themselves through others: nothing could stand before them."""
        ahead: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for source, target, *_ in self.edges():
            ahead[source][target] = None
        for circle in list(_circles(self.now, ahead)):
            for key in circle:
                fold = self.now[key]
                if fold.kind != "node":
                    del self.now[key]
                    for node in fold.nodes:
                        self.owner[node] = node
                        self.now[node] = Part(id=node, kind="node", nodes=(node,))

    def frame(self, group: str, title: str, words: str, members: Iterable[str]) -> None:
        """Frame those of `members` that stand in no other group."""
        free = [key for key in members if key in self.now and self.now[key].group is None]
        if free:
            self.now |= {key: replace(self.now[key], group=group) for key in free}
            self.groups.append(Group(id=group, title=title, words=words, members=tuple(free)))

    def unframe(self, gone: set[str]) -> None:
        """Take parts out of their groups."""
        kept = [replace(group, members=tuple(key for key in group.members if key not in gone)) for group in self.groups]
        self.groups = [group for group in kept if group.members]

    def edges(self) -> Iterator[tuple[str, str, str, int]]:
        """Edges between different parts: source, target, and the node and the input of it that each is."""
        owner = self.owner
        for key, node in self.trace.nodes.items():
            source = owner[key]
            for at, edge in enumerate(node.inputs):
                if edge and owner[edge.node] != source:
                    yield source, owner[edge.node], key, at

    def in_backward_order(self, crossed: Iterable[tuple[str, str]] = ()) -> list[str]:
        """The parts so that each stands before those it leads to, as far as there is no circle.

        Of several ways to go on, the shortest comes first: a weight before what lies further back.
        `crossed` are ways that a cut interrupts.
        """
        ahead: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for source, target in (*((source, target) for source, target, *_ in self.edges()), *crossed):
            ahead[source][target] = None
        depth: dict[str, int] = {}
        for key in reversed(_sorted(self.now, ahead, {})):
            depth[key] = 1 + max((depth.get(target, 0) for target in ahead[key]), default=0)
        return _sorted(self.now, ahead, depth)

    def folded(self, cuts: Sequence[Cut]) -> Folded:
        """The parts in the order of backward, joined."""
        joined: defaultdict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
        for source, target, node, at in self.edges():
            joined[source, target].append((node, at))
        joins = [Join(source=source, target=target, edges=tuple(edges)) for (source, target), edges in joined.items()]
        loose: list[tuple[str, Cut]] = []
        for cut in cuts:
            above = self.node_behind(cut.source)
            for node in cut.into:
                ends = (self.owner[node], self.owner[above]) if above else None
                if ends and ends[0] != ends[1] and ends not in joined:
                    joined[ends] = []
                    joins.append(Join(source=ends[0], target=ends[1], cut=cut))
                elif not ends or not any(join.cut and (join.source, join.target) == ends for join in joins):
                    loose.append((self.owner[node], cut))
        order = self.in_backward_order((join.source, join.target) for join in joins if join.cut)
        # passes that are graphs of their own are alike: drawing a way into one of many would mislead
        apart = {key for key in order if self.now[key].kind == "passes" and self.now[key].id.startswith("p-")}
        return Folded(
            parts={key: self.now[key] for key in order if key not in apart},
            joins=tuple(join for join in joins if join.source not in apart and join.target not in apart),
            groups=tuple(self.groups),
            apart=tuple(self.now[key] for key in order if key in apart),
            reopened=tuple(self.reopened),
            notes=tuple(self.notes),
            before=self.before,
            loose=tuple(loose),
        )

    def node_behind(self, tensor: str) -> str | None:
        """The node that `tensor` hangs on, or hung on before it was cut off in place."""
        now = self.trace.tensors[tensor].node
        return now or next((key for key, node in reversed(self.trace.nodes.items()) if tensor in node.tensors), None)

    def lines_in_words(self, nodes: Iterable[str]) -> str:
        """The lines that recorded `nodes`: "line 4", "lines 4–6"."""
        lines = sorted({line for key in nodes if not self.is_leaf(key) and (line := self.line_of(key)) is not None})
        if not lines:
            return "somewhere"
        return f"line {lines[0]}" if lines[0] == lines[-1] else f"lines {lines[0]}–{lines[-1]}"

    def contents(self, nodes: Sequence[str]) -> str:
        """What is in a fold, by torch's names for it."""
        return counted(self.trace.nodes[key].name for key in nodes)


def _sorted(parts: Iterable[str], ahead: Mapping[str, Iterable[str]], depth: Mapping[str, int]) -> list[str]:
    """Kahn's order, last come first served; of those that come together, the one with the least depth first."""
    waiting = Counter(target for key in ahead for target in ahead[key])
    left = list(parts)
    ready = [key for key in reversed(left) if not waiting[key]]
    rest = iter(left)
    order: dict[str, None] = {}
    while len(order) < len(left):
        key = ready.pop() if ready else next(rest)
        if key in order:
            continue
        order[key] = None
        freed = []
        for target in ahead.get(key, ()):
            waiting[target] -= 1
            if waiting[target] == 0:
                freed.append(target)
        ready += sorted(freed, key=lambda target: -depth.get(target, 0))
    return list(order)


def _circles(parts: Iterable[str], ahead: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """The sets of parts that lead to each other (Tarjan, "Depth-first search and linear graph algorithms", 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: dict[str, None] = {}
    for start in parts:
        if start in index:
            continue
        work = [(start, iter(ahead.get(start, ())))]
        index[start] = low[start] = len(index)
        stack[start] = None
        while work:
            key, following = work[-1]
            for target in following:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack[target] = None
                    work.append((target, iter(ahead.get(target, ()))))
                    break
                if target in stack:
                    low[key] = min(low[key], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[key])
                if low[key] == index[key]:
                    circle = []
                    while key not in circle:
                        circle.append(stack.popitem()[0])
                    if len(circle) > 1:
                        yield circle


def node_count(nodes: Sequence[str]) -> str:
    """How many, in words."""
    return f"{len(nodes):,} node{'s' if len(nodes) != 1 else ''}"


def counted(names: Iterable[str], most: int = 4) -> str:
    """The commonest of `names` and how often each: "AddBackward0 ×40, MulBackward0 ×40, …"."""
    counts = Counter(names)
    listed = [f"{name} ×{count:,}" if count > 1 else name for name, count in counts.most_common(most)]
    return ", ".join(listed) + (", …" if len(counts) > most else "")
