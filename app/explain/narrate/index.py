"""What happened at each moment of a run, gathered once."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Generic, TypeVar

from msgspec import Struct

from app.explain.narrate.passes import passes_of
from app.trace.flow import ACCUMULATE
from app.trace.history import History
from app.trace.model import Backward, Binding, GradTurn, Turn, Write

SWAPS = frozenset([".data=", "set_", "resize_", "resize_as_"])  # put other memory under a tensor
_NO_WRITES = frozenset(["requires_grad_", "detach_", "rename_", "share_memory_"])
ADDED = ACCUMULATE  # the op of the write by which a gradient adds to a `.grad`


Thing = TypeVar("Thing")
_moment = attrgetter("moment")


class Bound(Struct, frozen=True, gc=False):
    """A name that came to stand for something else, and what it stood for before."""

    binding: Binding
    before: Binding | None


class ByMoment(Generic[Thing]):
    """Things in the order in which they happened, found by moment."""

    def __init__(self, things: Sequence[Thing], moment: Callable[[Thing], int]) -> None:
        self.all = sorted(things, key=moment)
        self._moments = [moment(thing) for thing in self.all]

    def at(self, moment: int) -> Sequence[Thing]:
        """All of one moment."""
        first = bisect_left(self._moments, moment)
        if first == len(self._moments) or self._moments[first] != moment:
            return ()
        return self.all[first : bisect_right(self._moments, moment, first)]


class Index:
    """Everything of a Trace by its moment."""

    def __init__(self, history: History) -> None:
        trace = history.trace
        self.history, self.trace, self.moments = history, trace, history.moments
        self.passes = passes_of(trace)
        self.operations = ByMoment(trace.operations, _moment)
        self.writes = ByMoment([one for one in trace.writes if self._is_over_something(one)], _moment)
        self.recorded = ByMoment([node for node in trace.nodes.values() if node.name != ACCUMULATE], _moment)
        self.backwards = ByMoment(trace.backwards, _moment)
        self.idle_updates = ByMoment(trace.idle_updates, _moment)
        self.bound = ByMoment(list(_bound(history)), lambda one: one.binding.moment)
        turns, grads = list[tuple[str, Turn]](), list[tuple[str, GradTurn]]()
        self._relied_on: dict[str, dict[str, int]] = {}
        for key, tensor in trace.tensors.items():
            if tensor.turns:
                turns += [(key, turn) for turn in tensor.turns]
            if tensor.grads:
                grads += [(key, turn) for turn in tensor.grads]
            if tensor.requires_grad and tensor.counter is not None and tensor.storage is not None:
                first = next((turn.moment for turn in tensor.turns if turn.requires_grad), tensor.moment)
                since = self._relied_on.setdefault(tensor.storage, {})
                since[tensor.counter] = min(first, since.get(tensor.counter, first))
        self.turns = ByMoment(turns, lambda one: one[1].moment)
        self.grads = ByMoment(grads, lambda one: one[1].moment)
        self._harmful = self._harmful_writes()
        self.calls = self._calls()
        self.entries = frozenset(self._entries())  # the steps with which calls of functions began
        self._backwards_of: defaultdict[int, list[Backward]] = defaultdict(list)  # by step
        for backward in trace.backwards:
            self._backwards_of[backward.step].append(backward)

        self.broken_off = frozenset(self._end_of(one) for one in trace.backwards if one.raised)

    def _end_of(self, backward: Backward) -> int:
        """The last moment of a backward: that of a node, or of a line in a hook."""
        end = backward.fired[-1].moment if backward.fired else backward.moment
        steps = self.trace.steps
        at = bisect_right(steps, end, key=_moment)
        while at < len(steps) and self._is_inside(at, backward):
            end = steps[at].moment
            at += 1
        return end

    def _is_inside(self, step: int, backward: Backward) -> bool:
        """Whether a line ran in a function that `backward` called, or that such a function did."""
        at: int | None = step
        while at is not None and self.trace.steps[at].moment > backward.moment:
            at = self.trace.steps[at].caller
            if at == backward.step:
                return True
        return False

    def _is_over_something(self, write: Write) -> bool:
        """Whether `write` changed memory that was there before its line: it filled no result, and was not refused."""
        if not write.changed or self.trace.storages[write.storage].step == write.step:
            return False
        if write.counter is not None or write.op in SWAPS:
            return True
        refused = any(one.raised and one.op == write.op for one in self.operations.at(write.moment))
        return not refused and write.op not in _NO_WRITES

    def is_harmful(self, write: Write) -> bool:
        """Whether `write` went unseen and changed what backward read."""
        return write in self._harmful

    def is_unseen(self, write: Write) -> bool:
        """Whether autograd missed `write`: it moved no counter that a tensor in a graph relies on, over this memory."""
        if write.counter is None:
            return True
        since = self._relied_on.get(write.storage, {})
        own = since.get(write.counter)
        if own is not None and own <= write.moment:
            return False
        return any(first <= write.moment for first in since.values())

    def is_run_by_backward(self, step: int) -> bool:
        """Whether backward called the function that `step` is in: a hook, or a Function's own backward."""
        one = self.trace.steps[step]
        return one.caller is not None and any(
            backward.moment < one.moment
            and (backward.raised or (backward.fired and one.moment < backward.fired[-1].moment))
            for backward in self._backwards_of.get(one.caller, ())
        )

    def _harmful_writes(self) -> set[Write]:
        by_storage: defaultdict[str, list[Write]] = defaultdict(list)
        for write in self.trace.writes:
            by_storage[write.storage].append(write)
        found: set[Write] = set()
        for (key, slot), looks in self.history.checks.items():
            changed = [(moment, check) for moment, check, _ in looks if check.intact is False]
            if not changed:
                continue
            node = self.trace.nodes[key]
            saved = node.saved[slot]
            last = max((moment for moment, check in changed if check.version == saved.version), default=0)
            tensor = self.trace.tensors[saved.tensor] if saved.tensor is not None else None
            writes = by_storage.get(tensor.storage or "", []) if tensor is not None else []
            for write in writes[bisect_left(writes, node.moment, key=_moment) :]:
                if write.moment > last:
                    break
                if tensor is not None and write.counter != tensor.counter:
                    found.add(write)
        return found

    def _calls(self) -> dict[int, tuple[int, int]]:
        """By frame: which call of its function it is, and of how many. A function is known by name and first line."""
        count: dict[tuple[str | None, int], int] = {}
        which: dict[int, tuple[tuple[str | None, int], int]] = {}
        for step in self.trace.steps:
            if step.frame and step.frame not in which:
                function = step.function, step.line
                count[function] = count.get(function, 0) + 1
                which[step.frame] = function, count[function]
        return {frame: (number, count[function]) for frame, (function, number) in which.items()}

    def _entries(self) -> Iterator[int]:
        seen: set[int] = set()
        for at, step in enumerate(self.trace.steps):
            if step.frame and step.frame not in seen:
                seen.add(step.frame)
                yield at


def _bound(history: History) -> Iterator[Bound]:
    for _, _, bindings in history.bound():
        before = None
        for binding in bindings:
            yield Bound(binding, before)
            before = binding
