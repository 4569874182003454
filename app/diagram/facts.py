"""What the pictures say about one run: order and gradients of backward, the fate of saved tensors, changed cells."""

import math
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from typing import Literal

from msgspec import Struct

from app.diagram.changing import PLAIN, Note, NotesOf
from app.diagram.film import Film
from app.diagram.lives import Life, Lives, Predecessor
from app.trace.flow import ACCUMULATE
from app.trace.history import History
from app.trace.model import Array, Binding, Fired, Operation, SavedTensor, Scalar, Tensor, Trace, Values, Write

# intact: as saved, or never compared · refused: its counter moved, and backward would not read it ·
# wrong: read though it had changed · stale: its counter moved, nobody read it · changed: contents moved, nobody read it
Fate = Literal["intact", "refused", "wrong", "stale", "changed"]

TROUBLED = 20  # nodes with trouble that no fold hides
MOST_BEFORE = 300  # tensors of earlier passes that one stands for as well
MANY_CELLS = 4_096  # elements of one tensor, beyond which single cells are not looked for


class Firing(Struct, frozen=True):
    """One node as the last backward that came to it ran it."""

    backward: int
    order: int  # from 1, within that backward
    fired: Fired


class Change(Struct, frozen=True):
    """A cell whose content is not what was saved."""

    was: Scalar
    wrong: bool  # backward read the new one, without a word


class Kept(Struct, frozen=True):
    """Cells that a node saved and that did not stay what they were."""

    moment: int  # at which it saved them
    cells: dict[int, Scalar]  # of the storage, with what they held
    wrong: bool  # backward read the new ones, without a word


class Facts:
    """Answers about a run that several parts of the drawing ask; what changes with the moment goes into `film`."""

    def __init__(self, history: History, film: Film) -> None:
        self.history, self.film, self.lives = history, film, Lives(history, film)
        trace = self.trace = history.trace
        self.firings: dict[str, Firing] = {}
        self.came_to: defaultdict[str, set[int]] = defaultdict(set)  # which backwards ran a node
        for nth, backward in enumerate(trace.backwards):
            for order, fired in enumerate(backward.fired, 1):
                self.came_to[fired.node].add(nth)
                self.firings[fired.node] = Firing(nth, order, fired)
        self._bound: defaultdict[str, list[Binding]] = defaultdict(list)  # by name, at the top level
        for binding in trace.bindings:
            if binding.frame == 0:
                self._bound[binding.name].append(binding)
        self._led_to: defaultdict[str, list[int]] = defaultdict(list)  # when nodes were recorded that lead to one
        for node in trace.nodes.values():
            for edge in node.inputs:
                if edge is not None:
                    self._led_to[edge.node].append(node.moment)
        self.ends = [backward.fired[-1].moment for backward in trace.backwards if backward.fired]
        self.wrong_after = self._misled()
        self.lost: defaultdict[str, list[Kept]] = defaultdict(list)  # by storage
        self.changes: defaultdict[str, dict[int, Change]] = defaultdict(dict)
        self.saved_over: defaultdict[str, list[tuple[str, int, SavedTensor]]] = defaultdict(list)  # node, index, it
        self.saved_tensors: set[str] = set()
        self.continued = {tensor.continues for tensor in trace.tensors.values() if tensor.continues}
        for key, node in trace.nodes.items():
            for at, saved in enumerate(node.saved):
                tensor = trace.tensors[saved.tensor] if saved.tensor else None
                if tensor and tensor.storage and saved.tensor:
                    self.saved_tensors.add(saved.tensor)
                    self.saved_over[tensor.storage].append((key, at, saved))
                    if saved.intact is False or (saved.intact is None and saved.intact_now is False):
                        self._note_changes(tensor, saved, node.moment)
        self.writes: defaultdict[str, list[Write]] = defaultdict(list)
        for write in trace.writes:
            created = trace.storages[write.storage].step
            if created is None or write.step > created:  # what fills new memory is no write into it
                self.writes[write.storage].append(write)
        self.arrays: defaultdict[str, list[Array]] = defaultdict(list)
        for array in trace.arrays:
            self.arrays[array.storage].append(array)
        gradients = {turn.tensor for tensor in trace.tensors.values() for turn in tensor.grads}
        self.over: defaultdict[str, list[str]] = defaultdict(list)
        for key, tensor in trace.tensors.items():
            if tensor.storage:
                self.over[tensor.storage].append(key)
        # memory of gradients that have no name of their own: the table of gradients shows it
        self.of_gradients = {
            storage
            for storage, keys in self.over.items()
            if all(key in gradients and not trace.tensors[key].names for key in keys)
        }

    @property
    def ran_backward(self) -> bool:
        """Whether any node was run."""
        return bool(self.firings)

    @property
    def troubled(self) -> frozenset[str]:
        """The nodes that read what was not saved, or were refused it: the first TROUBLED of them."""
        found = (
            key
            for key in self.firings
            if any(self.fate(saved) in ("wrong", "refused") for saved in self.trace.nodes[key].saved)
        )
        return frozenset(islice(found, TROUBLED))

    def fate(self, saved: SavedTensor) -> Fate:
        """What became of a saved tensor."""
        if saved.version_read is not None:
            if saved.version_read != saved.version and not saved.hooked:
                return "refused"
            return "wrong" if saved.intact is False else "intact"
        if saved.version_now is not None and saved.version_now != saved.version and not saved.hooked:
            return "stale"
        return "changed" if saved.intact_now is False else "intact"

    def views(self, tensor: str) -> list[tuple[int, Values | None]]:
        """What `tensor` held, from each moment on at which that changed; None where it is not known."""
        one, history = self.trace.tensors[tensor], self.history
        if one.storage is None:
            return []
        since, _ = history.contents(one.storage)
        moments = [moment for moment in since if moment > one.moment]
        return [(moment, history.values(tensor, moment)) for moment in (one.moment, *moments)] if since else []

    def written(self, storage: str) -> list[int]:
        """The moments at which memory that was there already was written."""
        return [write.moment for write in self.writes[storage]]

    def spoilt(self, node: str, at: int) -> int | None:
        """The moment from which on a saved tensor is not what was saved; None while that never shows."""
        saved, recorded = self.trace.nodes[node].saved[at], self.trace.nodes[node].moment
        tensor = saved.tensor
        if tensor is None:
            return None
        before = saved.values.flat if saved.values else None
        for moment, values in self.views(tensor):
            if moment > recorded and before is not None and values is not None and values.flat not in (before, None):
                return moment
        storage = self.trace.tensors[tensor].storage or ""
        written = [moment for moment in self.written(storage) if moment > recorded]
        read = [moment for moment, check, _ in self.history.checks[node, at] if check.intact is False]
        return min([*written, *read], default=None)

    def before(self, tensor: str) -> list[Predecessor]:
        """What had the name of `tensor` in earlier passes of a loop, alike but over memory of its own."""
        one, found = self.trace.tensors[tensor], list[Predecessor]()
        turns = self._bound.get(one.name or "", ())
        for at, binding in enumerate(turns):
            other = self.trace.tensors[binding.tensor] if binding.tensor else None
            if binding.tensor == tensor:
                return found[-MOST_BEFORE:]
            if other is None or other.storage in (None, one.storage) or at + 1 == len(turns):
                continue
            alike = (other.shape, other.stride, other.offset, other.dtype) == (
                *(one.shape, one.stride, one.offset, one.dtype),
            )
            if alike and other.storage and binding.tensor:
                found.append(Predecessor(binding.tensor, other.storage, binding.moment, turns[at + 1].moment))
        return []

    def note_of(self, storage: str) -> NotesOf:
        """What is said of a cell of `storage` at a moment: whether it is not what was saved."""
        lost = self.lost[storage]

        def note(moment: int, cell: int, value: Scalar) -> Note:
            found = PLAIN
            for kept in lost:
                if kept.moment <= moment and cell in kept.cells and kept.cells[cell] != value:
                    found = Note(kept.cells[cell], changed=True, wrong=kept.wrong)
                    if kept.wrong:
                        break
            return found

        return note

    def line(self, step: int | None) -> int | None:
        """The source line of `step`."""
        return self.trace.line(step) if step is not None and step < len(self.trace.steps) else None

    def unreached_at(self, node: str) -> int | None:
        """The moment from which on it is clear that backward did not come to `node`; None where it did, or none ran."""
        if node in self.firings or not self.ends:
            return None
        recorded = self.trace.nodes[node].moment
        return next((end for end in self.ends if end >= recorded), recorded)

    def counted(self, life: Life, fired: Sequence[Fired]) -> Iterator[tuple[int, int | None]]:
        """When the order of `fired` is to be seen: from each backward on until a later graph leads here again."""
        for nth, one in enumerate(fired):
            following = fired[nth + 1].moment if nth + 1 < len(fired) else life.until
            led = self._led_to[life.node]
            ends = [*led[bisect_right(led, one.moment) :][:1], *([following] if following is not None else [])]
            yield one.moment, min(ends, default=None)

    def order_of(self, fired: Fired) -> int:
        """Which of the nodes of its backward that was, from 1."""
        inside = self.history.moments.backward_of(fired.moment)
        return inside[1] + 1 if inside else 1

    def sent(self, node: str, at: int) -> Values | None:
        """The gradient that `node` sent along its edge number `at`; None if it sent none, or none was recorded."""
        firing = self.firings.get(node)
        sent = firing.fired.grad_inputs if firing else ()
        return sent[at] if at < len(sent) else None

    def passed(self, node: str, at: int) -> Iterator[tuple[int, int | None, Values | None]]:
        """Each time that backward went along edge number `at` of what the box of `node` stood for.

        The moment, that at which the box stands for another node, and the gradient.
        """
        for life, one in self.lives.fired(node):
            edges = self.trace.nodes[life.node].inputs
            edge = edges[at] if at < len(edges) else None
            inside = self.history.moments.backward_of(one.moment)
            if edge and one.finished and inside is not None and inside[0] in self.came_to[edge.node]:
                yield one.moment, life.until, one.grad_inputs[at] if at < len(one.grad_inputs) else None

    def received(self, node: str) -> Values | None:
        """The first gradient that came to `node`."""
        firing = self.firings.get(node)
        return next((values for values in firing.fired.grad_outputs if values), None) if firing else None

    def went(self, node: str, at: int) -> bool:
        """Whether backward went along edge number `at` of `node`."""
        firing = self.firings.get(node)
        edge = self.trace.nodes[node].inputs[at]
        if firing is None or edge is None or not firing.fired.finished:
            return False
        following = self.firings.get(edge.node)
        return following is not None and following.backward == firing.backward

    def tensor_of(self, node: str) -> str | None:
        """The tensor that a node is the `grad_fn` of, or the leaf it accumulates into."""
        hung = self.trace.nodes[node].tensors
        return next((key for key in reversed(hung) if self.trace.tensors[key].node == node), hung[-1] if hung else None)

    def operator_of(self, node: str, tensor: str) -> str | None:
        """The operator that recorded `node` and gave `tensor`, in the reader's terms."""
        step = self.trace.nodes[node].step
        # an operator in place gives it a new node: what made it what it was after that step
        made = (one.op for one in reversed(self._operations[step]) if tensor in one.outputs) if step is not None else ()
        return next(iter(made), None) or self.trace.tensors[tensor].op

    @cached_property
    def _operations(self) -> defaultdict[int, list[Operation]]:
        """Those of each step."""
        found: defaultdict[int, list[Operation]] = defaultdict(list)
        for operation in self.trace.operations:
            found[operation.step].append(operation)
        return found

    def _misled(self) -> set[str]:
        """The nodes that read contents that were not what was saved, and all that backward came to from them."""
        reached: set[str] = set()
        todo = [
            key for key in self.firings if any(self.fate(saved) == "wrong" for saved in self.trace.nodes[key].saved)
        ]
        while todo:
            key = todo.pop()
            if key in reached:
                continue
            reached.add(key)
            todo += [edge.node for at, edge in enumerate(self.trace.nodes[key].inputs) if edge and self.went(key, at)]
        return reached

    def _note_changes(self, tensor: Tensor, saved: SavedTensor, moment: int) -> None:
        before = saved.values.flat if saved.values else None
        if before is not None and tensor.storage is not None and len(cells_of_view(tensor)) == len(before):
            kept = dict(zip(cells_of_view(tensor), before, strict=True))
            self.lost[tensor.storage].append(Kept(moment, kept, self.fate(saved) == "wrong"))
        after = (saved.values_read or tensor.values) if saved.intact is False else tensor.values
        now = after.flat if after else None
        if before is None or tensor.storage is None:
            return
        wrong = self.fate(saved) == "wrong"
        cells = cells_of_view(tensor)
        if now is None or len(now) != len(before) or len(cells) != len(before):
            return
        found = self.changes[tensor.storage]
        for cell, old, new in zip(cells, before, now, strict=True):
            if old != new and (cell not in found or wrong):
                found[cell] = Change(old, wrong)


def cells_of_view(view: Tensor | Array) -> tuple[int, ...]:
    """Which cell of the storage each element is, row-major; empty without strides or beyond MANY_CELLS elements."""
    if view.stride is None or math.prod(view.shape) > MANY_CELLS:
        return ()
    return _cells(view.shape, view.stride, view.offset)


@lru_cache(maxsize=512)
def _cells(shape: tuple[int, ...], stride: tuple[int, ...], offset: int) -> tuple[int, ...]:
    cells = [offset]
    for size, step in zip(shape, stride, strict=False):
        cells = [cell + step * at for cell in cells for at in range(size)]
    return tuple(cells)


def span_of_view(view: Tensor | Array) -> tuple[int, int] | None:
    """The first and the last cell that the view reaches; None without strides or without elements."""
    if view.stride is None or 0 in view.shape:
        return None
    reach = [(size - 1) * step for size, step in zip(view.shape, view.stride, strict=False)]
    return view.offset + sum(min(step, 0) for step in reach), view.offset + sum(max(step, 0) for step in reach)


def runs(cells: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The stretches of neighbouring cells in `cells`: first and last of each."""
    start = last = None
    for cell in sorted(set(cells)):
        if start is None or last is None or cell != last + 1:
            if start is not None and last is not None:
                yield start, last
            start = cell
        last = cell
    if start is not None and last is not None:
        yield start, last


def item_bytes(dtype: str) -> int:
    """How many bytes an element takes."""
    bits = re.search(r"[0-9]+", dtype)
    return max(int(bits.group()) // 8, 1) if bits else 1


def cell_count(trace: Trace, storage: str) -> int:
    """How many cells the storage has."""
    found = trace.storages[storage]
    return found.size_bytes // item_bytes(found.dtype)


def is_accumulator(trace: Trace, node: str) -> bool:
    """Whether it is the AccumulateGrad of a leaf."""
    return trace.nodes[node].name == ACCUMULATE
