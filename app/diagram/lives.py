"""What one box stands for from moment to moment: the node of each pass of a loop in turn, the last one at the end.

Of passes that made graphs alike only the last is drawn. At a moment of an earlier pass its boxes show that pass.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from app.diagram.film import Film
from app.trace.history import History
from app.trace.model import Fired


class Life(Struct, frozen=True):
    """One node in a box, from when it was recorded to when that of the next pass was."""

    node: str
    since: int
    until: int | None

    def has(self, moment: int) -> bool:
        """Whether the box stands for this node then."""
        return self.since <= moment and (self.until is None or moment < self.until)


class Predecessor(Struct, frozen=True):
    """A tensor over other memory that had the name of one in a later pass, from when on and until when."""

    tensor: str
    storage: str
    since: int
    until: int


class Shown(Struct, frozen=True):
    """When a mark is there: from `since` up to `until`, or as `track` says where it comes and goes."""

    since: int | None = None
    until: int | None = None
    track: int | None = None


class Lives:
    """The lives of every box."""

    def __init__(self, history: History, film: Film) -> None:
        self._history, self._film = history, film
        self._before: Mapping[str, Sequence[str]] = {}
        self._known: dict[str, tuple[Life, ...]] = {}

    def follow(self, before: Mapping[str, Sequence[str]]) -> None:
        """Let each node stand for those of earlier passes too, given in order."""
        self._before, self._known = before, {}

    def of(self, node: str) -> tuple[Life, ...]:
        """Those that are seen at any stop; the last one always."""
        found = self._known.get(node)
        if found is None:
            found = self._known[node] = self._of(node)
        return found

    def _of(self, node: str) -> tuple[Life, ...]:
        nodes = self._history.trace.nodes
        every = [*self._before.get(node, ()), node]
        moments = [nodes[key].moment for key in every]
        seen = {bisect_right(moments, stop) - 1 for stop in self._film.stops} if len(every) > 1 else set()
        ends: list[int | None] = [*moments[1:], None]
        last = len(every) - 1
        return tuple(
            Life(key, since, until)
            for at, (key, since, until) in enumerate(zip(every, moments, ends, strict=True))
            if at in seen or at == last
        )

    def fired(self, node: str) -> Iterator[tuple[Life, Fired]]:
        """Each time that backward ran what the box stood for."""
        for life in self.of(node):
            for one in self._history.firings[life.node]:
                if life.has(one.moment):
                    yield life, one

    def shown(self, spans: Iterable[tuple[int, int | None]]) -> Shown:
        """A mark that is there during each of `spans`, given in order."""
        kept = list(spans)
        if not kept:
            return Shown(since=self._film.stops[-1] + 1)  # never
        if len(kept) == 1:
            return Shown(*kept[0])
        turns: list[tuple[int, str]] = [(0, "hidden")]
        for since, until in kept:
            if turns[-1][0] == since:
                turns.pop()
            turns.append((since, "visible"))
            if until is not None:
                turns.append((until, "hidden"))
        return Shown(since=kept[0][0], track=self._film.changes(turns))
