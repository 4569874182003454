"""Which moments of two runs stand beside each other."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from app.explain.versus.lines import LinePair
from app.trace.history import History

MOST_MATCHED = 400  # stops of one run that are matched; beyond, they go side by side by their place


def pair_moments(
    left: History, right: History, stops: tuple[Sequence[int], Sequence[int]], lines: Sequence[LinePair]
) -> tuple[tuple[int, int], ...]:
    """The stops of both runs as one row of columns: for each, the stop of either, from 0.

    A stop that has no counterpart stands beside the one that the other run had come to. The first and the last of both
    stand together: a run that ended waits for the other.
    """
    if not stops[0] or not stops[1]:
        return tuple((min(at, len(stops[0]) - 1), min(at, len(stops[1]) - 1)) for at in range(max(map(len, stops))))
    keys = list(_keys(left, stops[0], {pair.left: at for at, pair in enumerate(lines) if pair.left}))
    others = list(_keys(right, stops[1], {pair.right: at for at, pair in enumerate(lines) if pair.right}))
    if max(len(keys), len(others)) > MOST_MATCHED:
        return _side_by_side(len(keys), len(others))
    return tuple(_columns(keys, others))


def _keys(history: History, stops: Sequence[int], pair_of: dict[int | None, int]) -> Iterator[tuple[str, object]]:
    """What a stop is, so that it can be found in the other run: a line's pair, or a node's name."""
    trace, moments = history.trace, history.moments
    for moment in stops:
        inside = moments.backward_of(moment)
        if inside is not None:
            yield "node", trace.nodes[trace.backwards[inside[0]].fired[inside[1]].node].name
        else:
            line = moments.line_of(moment) if trace.steps else 0
            yield "line", pair_of.get(line, -line)


def _columns(left: Sequence[object], right: Sequence[object]) -> Iterator[tuple[int, int]]:
    at, other = -1, -1
    for kind, begin, end, first, last in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            for step in range(end - begin):
                at, other = begin + step, first + step
                yield at, other
            continue
        for step in range(max(end - begin, last - first)):
            at, other = min(begin + step, end - 1, len(left) - 1), min(first + step, last - 1, len(right) - 1)
            yield max(at, begin - 1, 0), max(other, first - 1, 0)


def _side_by_side(left: int, right: int) -> tuple[tuple[int, int], ...]:
    count = max(left, right)
    return tuple((min(at, left - 1), min(at, right - 1)) for at in range(count))
