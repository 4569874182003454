"""What every name stood for, at every stop of the slider: a frame for each call under way, a row for each name.

Calls of one function at one depth share a frame, since only one of them is under way at a time.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import prod

from msgspec import Struct

from app.diagram.film import Film
from app.trace.figures import shape_words
from app.trace.history import Frame, History
from app.trace.model import Binding, Tensor
from app.web.lines import SHOWN_VALUES, short

MOST_ROWS, MOST_FRAMES = 200, 40
GONE = "hidden"
TOP = "top level"


class Row(Struct, frozen=True, kw_only=True):
    """One name; all but it are tracks. `gone` holds "hidden" while the name stands for nothing."""

    name: str
    gone: int
    ref: int
    value: int
    storage: int
    storage_ref: int
    version: int
    version_ref: int
    made_by: int


class Scope(Struct, frozen=True, kw_only=True):
    """The names of one call; `gone` is a track, and holds "hidden" while there is no such call under way."""

    title: str
    gone: int
    rows: tuple[Row, ...]


class Variables(Struct, frozen=True, kw_only=True):
    """All of them. `when` and `path` are tracks: the moment in words, and the calls under way."""

    when: int
    path: int | None  # None where no function of the snippet was called
    scopes: tuple[Scope, ...]
    left_out: str = ""


class _Facts(Struct, frozen=True, kw_only=True):
    """What a row says at one moment."""

    gone: str = GONE
    ref: str = ""
    value: str = ""
    storage: str = ""
    storage_ref: str = ""
    version: str = ""
    version_ref: str = ""
    made_by: str = ""


_Facet = tuple[int, _Facts]  # from which moment on


def variables_of(history: History, film: Film) -> Variables:
    """The frames and rows of a run, their tracks laid into `film`."""
    return _Panel(history, film).drawn()


class _Panel:
    def __init__(self, history: History, film: Film) -> None:
        self.history, self.film, self.trace = history, film, history.trace
        self.stacks = [history.stack(moment) for moment in film.stops]
        self.continued = {one.continues: key for key, one in self.trace.tensors.items() if one.continues}
        self.bound: defaultdict[int, list[tuple[str, Sequence[Binding]]]] = defaultdict(list)
        for frame, name, turns in history.bound():
            self.bound[frame].append((name, turns))
        self.counters: defaultdict[str, set[str]] = defaultdict(set)
        for tensor in self.trace.tensors.values():
            if tensor.storage and tensor.counter and tensor.names:
                self.counters[tensor.storage].add(tensor.counter)

    def drawn(self) -> Variables:
        stops, track = self.film.stops, self.film.track
        scopes: dict[tuple[int, str | None], list[int | None]] = {}
        for at, stack in enumerate(self.stacks):
            for depth, frame in enumerate(stack):
                scopes.setdefault((depth, frame.function), [None] * len(stops))[at] = frame.number
        found: list[Scope] = []
        room, rows_left = MOST_ROWS, 0
        for (_, function), calls in list(scopes.items())[:MOST_FRAMES]:
            rows = dict(self._rows(calls))
            kept = tuple(self._row(name, facets) for name, facets in list(rows.items())[:room])
            rows_left += len(rows) - len(kept)
            room -= len(kept)
            gone = track((stop, GONE if call is None else "") for stop, call in zip(stops, calls, strict=True))
            found.append(Scope(title=function or TOP, gone=gone, rows=kept))
        return Variables(
            when=track((moment, self._when(moment)) for moment in stops),
            path=track((moment, _path(stack)) for moment, stack in zip(stops, self.stacks, strict=True))
            if len(scopes) > 1
            else None,
            scopes=tuple(found),
            left_out=_left_out(rows_left, len(scopes) - len(found)),
        )

    def _when(self, moment: int) -> str:
        if moment == self.film.stops[-1]:
            return "when the run ended"
        line = self.history.moments.line_of(moment)
        return f"in backward on line {line}" if self.history.moments.backward_of(moment) else f"after line {line}"

    def _rows(self, calls: Sequence[int | None]) -> Iterator[tuple[str, list[_Facet]]]:
        """What each name stood for, in the order in which they were first bound."""
        facets: dict[str, list[_Facet]] = {}
        for call, first, last in _stretches(calls):
            begin = self.film.stops[first]
            names = dict(self.bound[call])
            for name in facets:
                if name not in names:
                    facets[name].append((begin, _Facts()))
            for name, turns in names.items():
                turned = {self.film.index(moment) for moment in self._turns(turns)}
                for stop in sorted({first} | {stop for stop in turned if first < stop <= last}):
                    moment = self.film.stops[stop]
                    facets.setdefault(name, [(0, _Facts())]).append((moment, self._facts(turns, moment)))
        yield from ((name, turns) for name, turns in facets.items() if any(not facts.gone for _, facts in turns))

    def _turns(self, turns: Sequence[Binding]) -> Iterator[int]:
        """The moments at which something of a name changes."""
        for binding in turns:
            yield binding.moment
            key = binding.tensor
            while key is not None:
                tensor = self.trace.tensors[key]
                yield tensor.moment
                yield from (turn.moment for turn in tensor.turns)
                if tensor.counter:
                    yield from (moment for moment, _ in self.trace.counters[tensor.counter].moves)
                if tensor.storage and _few(tensor):
                    yield from self.history.contents(tensor.storage)[0]
                key = self.continued.get(key)

    def _facts(self, turns: Sequence[Binding], moment: int) -> _Facts:
        binding = next((turn for turn in reversed(turns) if turn.moment <= moment), None)
        key = self.history.as_of(binding.tensor, moment) if binding else None
        if binding is None or (key is None and binding.text is None):
            return _Facts()
        if key is None:
            return _Facts(gone="", value=binding.text or "")
        tensor = self.trace.tensors[key]
        values = self.history.values(key, moment) if _few(tensor) else None
        counter = tensor.counter
        version = str(self.history.version(counter, moment)) if counter else "none"
        several = len(self.counters[tensor.storage or ""]) > 1
        return _Facts(
            gone="",
            ref=key,
            value=short(values) if values else shape_words(tensor.shape),
            storage=f"S{tensor.storage[1:]}" if tensor.storage else "none",
            storage_ref=tensor.storage or "",
            version=f"{counter} = {version}" if counter and several else version,
            version_ref=counter or "",
            made_by=self._made_by(key, tensor, moment),
        )

    def _made_by(self, key: str, tensor: Tensor, moment: int) -> str:
        standing = self.history.standing(key, moment)
        if not standing.is_leaf:
            return self.trace.nodes[standing.node].name if standing.node else "an operator"
        if standing.requires_grad:
            return "parameter, requires grad" if tensor.is_parameter else "leaf, requires grad"
        return "parameter, frozen" if tensor.is_parameter else "no history"

    def _row(self, name: str, facets: Sequence[_Facet]) -> Row:
        def track(facet: str) -> int:
            return self.film.track((moment, str(getattr(facts, facet))) for moment, facts in facets)

        return Row(
            name=name,
            gone=track("gone"),
            ref=track("ref"),
            value=track("value"),
            storage=track("storage"),
            storage_ref=track("storage_ref"),
            version=track("version"),
            version_ref=track("version_ref"),
            made_by=track("made_by"),
        )


def _few(tensor: Tensor) -> bool:
    """Whether its numbers are shown."""
    return prod(tensor.shape) <= SHOWN_VALUES


def _stretches(calls: Sequence[int | None]) -> Iterator[tuple[int, int, int]]:
    """Which call was under way from which stop to which."""
    first = 0
    for at in range(1, len(calls) + 1):
        if at == len(calls) or calls[at] != calls[first]:
            call = calls[first]
            if call is not None:
                yield call, first, at - 1
            first = at


def _path(stack: Sequence[Frame]) -> str:
    return " → ".join(f"{frame.function or TOP}, line {frame.line}" for frame in stack)


def _left_out(rows: int, frames: int) -> str:
    parts = []
    if rows:
        parts.append(f"{rows:,} name{'s' if rows > 1 else ''}")
    if frames:
        parts.append(f"the names of {frames:,} function{'s' if frames > 1 else ''}")
    limits = f"of at most {MOST_FRAMES} functions {MOST_ROWS} names are listed"
    return f"Left out: {' and '.join(parts)}; {limits}." if parts else ""
