"""Which nodes of a graph share a box: repeated passes, module calls, chains, lines. Plain passes over `Parts`.

A small graph is drawn whole. What is folded says what is in it, and how many.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence

from app.diagram.parts import Folded, Part, Parts, counted, node_count
from app.trace.flow import ACCUMULATE, Cut
from app.trace.model import Trace

SMALL = 10  # nodes that are all drawn
CALM = 40  # boxes beyond which module calls fold further up
MANY = 60  # boxes beyond which the nodes of one line fold
MOST = 100  # boxes drawn at all
MOST_OPENED = 200  # the same where the reader opened folds
PASSES = 3  # alike, from which on they fold
CHAIN, CHAIN_ENDS = 12, 3  # parts in a row that fold, and how many stay open at each end


def fold(
    trace: Trace,
    cuts: Sequence[Cut],
    opened: frozenset[str] = frozenset(),
    troubled: frozenset[str] = frozenset(),
) -> Folded:
    """What to draw of the graph of `trace`, with the folds whose ids are in `opened` shown open.

    The nodes in `troubled` are boxes of their own, as long as there is any room.
    """
    parts = Parts(trace, opened, troubled)
    fold_alike(parts)
    if len(parts) > SMALL:
        fold_passes(parts)
        fold_calls(parts)
        parts.split_circles()
        fold_chains(parts)
    if len(parts) > MANY:
        fold_lines(parts)
        parts.split_circles()
    fold_rest(parts, MOST_OPENED if opened else MOST)
    return parts.folded(cuts)


def fold_alike(parts: Parts) -> None:
    """Of separate graphs that are alike, as every pass of a training loop makes one, keep the last."""
    alike: defaultdict[object, list[list[str]]] = defaultdict(list)
    for members in _components(parts.trace):
        alike[_shape(parts, members)].append(members)
    for passes in alike.values():
        earlier = [members for members in passes[:-1] if parts.troubled.isdisjoint(members)]
        inside = [key for members in earlier for key in members]
        if len(earlier) < PASSES - 1 or len(passes[0]) < 2:
            continue
        if f"p-{passes[0][0]}" not in parts.opened:
            for at, key in enumerate(passes[-1]):
                parts.before[key] = tuple(members[at] for members in earlier)
        count = f"{len(earlier):,}"
        parts.fold(
            Part(
                id=f"p-{passes[0][0]}",
                kind="passes",
                nodes=tuple(inside),
                title=f"×{count} more",
                words=f"{count} other passes of {parts.lines_in_words(passes[0])} made graphs like the one drawn, "
                f"{node_count(inside)}",
                detail=parts.contents(inside),
                opens=len(inside) <= MOST,
            )
        )


def fold_passes(parts: Parts) -> None:
    """Of the passes of a loop that builds one graph, keep the first and the last."""
    occurrences = _occurrences(parts.trace)
    passes: defaultdict[int, list[str]] = defaultdict(list)
    for key in parts.single():
        node = parts.trace.nodes[key]
        if node.module is None and node.step is not None and occurrences[node.step]:
            passes[occurrences[node.step]].append(key)
    if not passes:
        return
    shapes = {
        at: frozenset(Counter((parts.trace.nodes[key].name, parts.line_of(key)) for key in keys).items())
        for at, keys in passes.items()
    }
    usual = Counter(shapes.values()).most_common(1)[0][0]
    middle = [at for at in sorted(shapes) if shapes[at] == usual][1:-1]
    middle = [at for at in middle if parts.troubled.isdisjoint(passes[at])]
    inside = [key for at in middle for key in passes[at]]
    inside += parts.leaves_of(inside)
    if len(middle) < PASSES - 1:
        return
    parts.fold(
        Part(
            id=f"l-{middle[0]}",
            kind="passes",
            nodes=tuple(inside),
            title=f"{parts.lines_in_words(inside)}, ×{len(middle):,}",
            words=f"{len(middle):,} passes, {node_count(inside)}",
            detail=parts.contents(inside),
            opens=len(inside) <= MOST,
        )
    )


def fold_calls(parts: Parts) -> None:
    """Fold module calls, the innermost first, until what is left is calm."""
    calls = parts.trace.calls
    inside: defaultdict[int, list[str]] = defaultdict(list)
    for key in parts.single():
        call = parts.trace.nodes[key].call
        while call is not None:
            inside[call].append(key)
            call = calls[call].parent
    if not inside:
        return
    whole = {at: [*members, *parts.leaves_of(members)] for at, members in inside.items()}
    shown = {
        at for at, members in inside.items() if f"c-{at}" in parts.opened or not parts.troubled.isdisjoint(members)
    }
    depths = _depths(parts.trace, sorted(inside))
    level = max(depths.values())
    while level and len(parts) - sum(len(whole[at]) - 1 for at in _outermost(parts.trace, depths, level, ())) > CALM:
        level -= 1
    open_too = shown.union(*(_above(parts.trace, at) for at in shown))
    chosen = [at for at in _outermost(parts.trace, depths, level, open_too) if len(whole[at]) > 1]
    for at in chosen:
        parts.fold(
            Part(
                id=f"c-{at}",
                kind="module",
                nodes=tuple(whole[at]),
                title=calls[at].module,
                words=f"{calls[at].kind}, {node_count(whole[at])}",
                detail=parts.contents(whole[at]),
                opens=True,
            )
        )
    for at in sorted(shown, reverse=True):  # an inner call frames its own first
        parts.frame(f"c-{at}", calls[at].module, calls[at].kind, {parts.owner[node]: None for node in whole[at]})


def fold_chains(parts: Parts) -> None:
    """Fold the middle of a long row in which each part leads to one other only, leaves aside."""
    for row in list(_rows(parts)):
        middle = row[CHAIN_ENDS:-CHAIN_ENDS]
        if len(row) <= CHAIN or not parts.troubled.isdisjoint(middle):
            continue
        inside = [node for key in middle for node in parts.now[key].nodes]
        inside += parts.leaves_of(inside)
        parts.fold(
            Part(
                id=f"k-{row[0]}",
                kind="chain",
                nodes=tuple(dict.fromkeys(inside)),
                title=f"{len(middle):,} in a row",
                words=node_count(inside),
                detail=counted(_kind_of(parts, key) for key in middle),
                opens=len(middle) <= MOST,
            )
        )


def fold_lines(parts: Parts) -> None:
    """Fold what one line recorded."""
    by_line: defaultdict[int, list[str]] = defaultdict(list)
    for key in parts.single():
        line = parts.line_of(key)
        if line is not None and key not in parts.troubled:
            by_line[line].append(key)
    for line, members in by_line.items():
        if len(members) < 2:
            continue
        together = [*members, *parts.leaves_of(members)]
        parts.fold(
            Part(
                id=f"line-{line}",
                kind="line",
                nodes=tuple(together),
                title=f"line {line}",
                words=node_count(together),
                detail=parts.contents(together),
                opens=len(members) <= MOST,
            )
        )


def fold_rest(parts: Parts, most: int) -> None:
    """Keep the `most` parts that backward comes to first."""
    if len(parts) <= most:
        return
    beyond = parts.in_backward_order()[most - 1 :]
    inside = [node for key in beyond for node in parts.now[key].nodes]
    parts.notes.append(
        f"{len(inside):,} of {len(parts.trace.nodes):,} nodes are in one box: there are too many to draw each."
    )
    parts.unframe(set(beyond))
    parts.put(
        Part(
            id="rest",
            kind="rest",
            nodes=tuple(inside),
            title=f"{len(inside):,} more nodes",
            words="too many to draw each",
            detail=parts.contents(inside),
        ),
        beyond,
    )


def _components(trace: Trace) -> list[list[str]]:
    """The separate graphs, by what is connected without going through a leaf, in order of appearance."""
    root = {key: key for key in trace.nodes}

    def find(key: str) -> str:
        while root[key] != key:
            root[key] = key = root[root[key]]
        return key

    for key, node in trace.nodes.items():
        for edge in node.inputs:
            if edge and trace.nodes[edge.node].name != ACCUMULATE:
                root[find(edge.node)] = find(key)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, node in trace.nodes.items():
        if node.name != ACCUMULATE:
            found[find(key)].append(key)
    return list(found.values())


def _shape(parts: Parts, members: Sequence[str]) -> object:
    """The same for two graphs that are alike: names, lines, saved slots, shapes, and how they are joined."""
    nodes, tensors = parts.trace.nodes, parts.trace.tensors
    place = {key: at for at, key in enumerate(members)}
    return tuple(
        (
            nodes[key].name,
            nodes[key].module,
            parts.line_of(key),
            tuple(saved.slot for saved in nodes[key].saved),
            tuple(tensors[tensor].shape for tensor in nodes[key].tensors),
            tuple(edge and place.get(edge.node, nodes[edge.node].name) for edge in nodes[key].inputs),
        )
        for key in members
    )


def _occurrences(trace: Trace) -> list[int]:
    """For each step, the how manieth run of its line it was, from 1; 0 for a line that ran once."""
    runs = Counter(step.line for step in trace.steps)
    seen: Counter[int] = Counter()
    found = []
    for step in trace.steps:
        seen[step.line] += 1
        found.append(seen[step.line] if runs[step.line] > 1 else 0)
    return found


def _above(trace: Trace, call: int) -> Iterator[int]:
    """The module calls that `call` ran in."""
    parent = trace.calls[call].parent
    while parent is not None:
        yield parent
        parent = trace.calls[parent].parent


def _depths(trace: Trace, calls: Sequence[int]) -> dict[int, int]:
    """How many module calls each of `calls`, given in order, is inside of."""
    depths: dict[int, int] = {}
    for at in calls:
        parent = trace.calls[at].parent
        depths[at] = 0 if parent is None else depths.get(parent, -1) + 1
    return depths


def _outermost(trace: Trace, depths: Mapping[int, int], deepest: int, shown: Container[int]) -> Iterator[int]:
    """The calls that fold when those `deepest` down do, and those that call no other; none inside another of them.

    Those in `shown` stay open.
    """
    parents = {trace.calls[at].parent for at in depths}
    chosen = {at for at in depths if (depths[at] >= deepest or at not in parents) and at not in shown}
    for at in sorted(chosen):
        parent = trace.calls[at].parent
        while parent is not None and parent not in chosen:
            parent = trace.calls[parent].parent
        if parent is None:
            yield at


def _rows(parts: Parts) -> Iterator[list[str]]:
    """The longest rows of parts of which each leads to the next and to nothing else but leaves."""
    ahead: defaultdict[str, set[str]] = defaultdict(set)
    behind: defaultdict[str, set[str]] = defaultdict(set)
    for source, target, *_ in parts.edges():
        if not parts.is_leaf(target):
            ahead[source].add(target)
            behind[target].add(source)

    def after(key: str) -> str | None:
        following = next(iter(ahead[key])) if len(ahead[key]) == 1 else None
        free = following is not None and parts.now[following].group is None and parts.now[key].group is None
        return following if following and free and len(behind[following]) == 1 else None

    following = {key: after(key) for key in parts.now if not parts.is_leaf(key)}
    starts = following.keys() - set(following.values())
    for start in [key for key in following if key in starts]:
        row, last = [start], following[start]
        while last is not None:
            row.append(last)
            last = following[last]
        yield row


def _kind_of(parts: Parts, key: str) -> str:
    part = parts.now[key]
    if part.kind == "module":
        return part.words.partition(",")[0]
    return parts.trace.nodes[part.nodes[0]].name if part.kind == "node" else part.title
