"""The state of a run at any of its moments: a pure function of the Trace.

What happened at a moment counts to it: the state at a moment is the one in which the next begins, or the run ended.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from operator import attrgetter

from msgspec import Struct

from app.trace.model import (
    Binding,
    Check,
    Fired,
    Scalar,
    Storage,
    Summary,
    Tensor,
    Trace,
    Turn,
    Values,
)
from app.trace.moments import Moments, standing
from app.trace.packing import unpack

_MANY_CELLS = 4_096  # elements of one tensor, beyond which it is not read cell by cell


class Held(Struct, frozen=True, gc=False):
    """What a storage held at a moment: all its cells, or a summary of them, or neither where it was not kept."""

    cells: tuple[Scalar, ...] | None = None
    summary: Summary | None = None
    since: int = 0  # the moment from which on


class Frame(Struct, frozen=True, kw_only=True):
    """One call that was under way: the top level, or a function of the snippet."""

    number: int
    function: str | None
    line: int  # that it stood on
    step: int


class Variable(Struct, frozen=True, kw_only=True):
    """What a name stood for at a moment: a tensor as it was then, or something else, as `text` says it."""

    name: str
    tensor: str | None = None
    text: str | None = None
    since: int = 0
    version: int | None = None
    values: Values | None = None
    node: str | None = None  # its grad_fn
    is_leaf: bool = True
    requires_grad: bool = False
    grad: str | None = None  # the tensor that is its `.grad`


class State(Struct, frozen=True, kw_only=True):
    """The run at one moment."""

    moment: int
    step: int
    line: int
    stack: tuple[Frame, ...]  # the top level first
    variables: dict[int, tuple[Variable, ...]]  # by number of the frame, of those on the stack
    versions: dict[str, int]  # of the counters that there were
    nodes: frozenset[str]  # recorded by then
    freed: frozenset[str]
    fired: Fired | None  # the node that backward ran then
    printed: int  # characters of stdout


class History:
    """Answers what was when, for one Trace."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.moments = Moments(trace)
        self._held: dict[str, tuple[list[int], list[Held]]] = {}
        self._bindings: defaultdict[tuple[int, str], list[Binding]] = defaultdict(list)
        for binding in trace.bindings:
            self._bindings[binding.frame, binding.name].append(binding)
        self._continued = {tensor.continues: key for key, tensor in trace.tensors.items() if tensor.continues}
        self.checks: defaultdict[tuple[str, int], list[tuple[int, Check, Fired]]] = defaultdict(list)
        self.firings: defaultdict[str, list[Fired]] = defaultdict(list)
        for backward in trace.backwards:
            for fired in backward.fired:
                self.firings[fired.node].append(fired)
                for check in fired.checks:
                    self.checks[fired.node, check.slot].append((fired.moment, check, fired))

    # what stands over the whole run

    def contents(self, storage: str) -> tuple[list[int], list[Held]]:
        """Every content of a storage, and the moments from which on it was there."""
        found = self._held.get(storage)
        if found is None:
            held = list(_unpacked(self.trace.storages[storage]))
            found = self._held[storage] = [one.since for one in held], held
        return found

    def moves(self, counter: str) -> list[tuple[int, int]]:
        """Every version of a counter, and the moment from which on."""
        one = self.trace.counters[counter]
        return [(one.moment, one.first), *one.moves]

    # what was at a moment

    def fired_by(self, node: str, moment: int) -> Fired | None:
        """The latest time that backward ran `node`; None before the first."""
        firings = self.firings[node]
        at = bisect_right(firings, moment, key=attrgetter("moment"))
        return firings[at - 1] if at else None

    def held(self, storage: str, moment: int) -> Held | None:
        """What a storage held; None before it was first looked at."""
        since, held = self.contents(storage)
        at = bisect_right(since, moment) - 1
        return held[at] if at >= 0 else None

    def values(self, tensor: str, moment: int) -> Values | None:
        """What a tensor held; None where that is not known."""
        view = self.trace.tensors[tensor]
        if view.storage is None or view.lazy or view.dtype != self.trace.storages[view.storage].dtype:
            return None
        held = self.held(view.storage, moment)
        return None if held is None else seen_through(view, held)

    def version(self, counter: str, moment: int) -> int:
        """Where a counter stood."""
        one = self.trace.counters[counter]
        at = bisect_right(one.moves, moment, key=lambda move: move[0]) - 1
        return one.moves[at][1] if at >= 0 else one.first

    def standing(self, tensor: str, moment: int) -> Turn:
        """How a tensor stood in the graph."""
        return standing(self.trace.tensors[tensor], moment)

    def grad(self, tensor: str, moment: int) -> str | None:
        """The tensor that was its `.grad`."""
        grads = self.trace.tensors[tensor].grads
        at = bisect_right(grads, moment, key=lambda turn: turn.moment) - 1
        return self.as_of(grads[at].tensor, moment) if at >= 0 else None

    def as_of(self, tensor: str | None, moment: int) -> str | None:
        """The tensor that `tensor` was then, whose memory or geometry may have been swapped since."""
        while tensor is not None:
            following = self._continued.get(tensor)
            if following is None or self.trace.tensors[following].moment > moment:
                break
            tensor = following
        return tensor

    def stack(self, moment: int) -> tuple[Frame, ...]:
        """The calls under way, the top level first."""
        trace, frames = self.trace, list[Frame]()
        step: int | None = max(bisect_right(trace.steps, moment, key=lambda one: one.moment) - 1, 0)
        inside = self.moments.backward_of(moment)
        if inside is not None:  # the nodes run in C++, under the line that called backward
            step = trace.backwards[inside[0]].step
        seen: set[int] = set()
        while step is not None and trace.steps and step not in seen:
            seen.add(step)
            one = trace.steps[step]
            frames.append(Frame(number=one.frame, function=one.function, line=one.line, step=step))
            step = one.caller
        return tuple(reversed(frames))

    def variables(self, frame: int, moment: int) -> Iterator[Variable]:
        """The names of a frame, in the order in which they were first bound."""
        for (owner, name), turns in self._bindings.items():
            if owner == frame and (found := self.variable(name, turns, moment)) is not None:
                yield found

    def variable(self, name: str, turns: Sequence[Binding], moment: int) -> Variable | None:
        """What a name stood for, bound by `turns`; None where nothing."""
        at = bisect_right(turns, moment, key=lambda turn: turn.moment) - 1
        binding = turns[at] if at >= 0 else None
        if binding is None or (binding.tensor is None and binding.text is None):
            return None
        tensor = self.as_of(binding.tensor, moment)
        if tensor is None:
            return Variable(name=name, text=binding.text, since=binding.moment)
        standing, counter = self.standing(tensor, moment), self.trace.tensors[tensor].counter
        return Variable(
            name=name,
            tensor=tensor,
            since=binding.moment,
            version=self.version(counter, moment) if counter else None,
            values=self.values(tensor, moment),
            node=None if standing.is_leaf else standing.node,
            is_leaf=standing.is_leaf,
            requires_grad=standing.requires_grad,
            grad=self.grad(tensor, moment),
        )

    def bound(self) -> Iterator[tuple[int, str, Sequence[Binding]]]:
        """Every name of every frame with all that it stood for, in the order in which they were first bound."""
        for (frame, name), turns in self._bindings.items():
            yield frame, name, turns

    def printed(self, moment: int) -> int:
        """How many characters of stdout were printed."""
        at = bisect_right(self.trace.printed, moment, key=lambda one: one[0]) - 1
        return self.trace.printed[at][1] if at >= 0 else 0

    def state(self, moment: int) -> State:
        """All of it at once."""
        trace = self.trace
        inside = self.moments.backward_of(moment)
        stack = self.stack(moment)
        return State(
            moment=moment,
            step=self.moments.step_of(moment),
            line=self.moments.line_of(moment) if trace.steps else 0,
            stack=stack,
            variables={frame.number: tuple(self.variables(frame.number, moment)) for frame in stack},
            versions={
                key: self.version(key, moment) for key, counter in trace.counters.items() if counter.moment <= moment
            },
            nodes=frozenset(key for key, node in trace.nodes.items() if node.moment <= moment),
            freed=frozenset(
                key for key, node in trace.nodes.items() if node.freed_at is not None and node.freed_at <= moment
            ),
            fired=trace.backwards[inside[0]].fired[inside[1]] if inside else None,
            printed=self.printed(moment),
        )


def state_at(trace: Trace, moment: int) -> State:
    """The run at `moment`, which is taken to the nearest that there was."""
    history = History(trace)
    return history.state(min(max(moment, 1), max(history.moments.count, 1)))


def _unpacked(storage: Storage) -> Iterator[Held]:
    """Every content of `storage`, the changes put together."""
    cells: list[Scalar] | None = None
    for content in storage.contents:
        if content.summary is not None or (not content.cells and not content.resized):
            cells = None
            yield Held(summary=content.summary, since=content.moment)
            continue
        new = unpack(content.cells, storage.packing)
        if content.resized or cells is None:
            cells = new
        else:
            cells = [*cells[: content.start], *new, *cells[content.start + len(new) :]]
        yield Held(cells=tuple(cells), since=content.moment)


def seen_through(view: Tensor, held: Held) -> Values | None:
    """What `view` shows of what its storage held; None where its cells are not known."""
    if held.cells is None or view.stride is None:
        whole = view.storage is not None and held.summary is not None
        return Values(shape=view.shape, dtype=view.dtype, summary=held.summary) if whole else None
    count = 1
    for size in view.shape:
        count *= size
    if count > min(_MANY_CELLS, 1_000):
        return None
    cells = cells_of(view.shape, view.stride, view.offset)
    if cells and (max(cells) >= len(held.cells) or min(cells) < 0):
        return None
    return Values(shape=view.shape, dtype=view.dtype, flat=tuple(held.cells[cell] for cell in cells))


def cells_of(shape: Sequence[int], stride: Sequence[int], offset: int) -> list[int]:
    """Which cell each element is, row-major."""
    if not shape:
        return [offset]
    if 0 in shape:
        return []
    steps = [range(0, size * step, step) if step else [0] * size for size, step in zip(shape, stride, strict=True)]
    return [offset + sum(where) for where in product(*steps)]
