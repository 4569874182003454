"""Autograd's nodes, walked from `grad_fn` as soon as an operator made them, and what they saved.

Nodes are known by their sequence number, which no other node of the run gets, and are not held: a
graph lives exactly as long as without us. An AccumulateGrad has no number; it is known by its leaf.
"""

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import cast

import torch
from msgspec import Struct

from app.trace.model import Check, Edge
from app.worker import budget
from app.worker.bound import (
    Node,
    TensorBase,
    dtype_of,
    grad_fn_of,
    is_accumulate_grad,
    is_leaf_of,
    is_tensor,
    is_view,
    metadata_of,
    requires_grad_of,
    version_of,
    view_as,
)
from app.worker.clock import Clock
from app.worker.hooks import Hook, OwnHook, spare_handles
from app.worker.memory import Memory
from app.worker.names import clean
from app.worker.records import TensorRecord
from app.worker.snapshots import Snapshot, Snapshots

_UNNUMBERED = 2**64 - 1  # the sequence number of every AccumulateGrad, and of nodes that only refuse
_MARK = "_tapescope"
_ATTRIBUTES = 20  # of one ctx
_SETTLED_BYTES = 2**20  # of copies of large saved tensors, which are then looked through for the first time
_BOTH = "both"  # marks an AccumulateGrad that has both hooks of ours
_Custom = torch.autograd.function.BackwardCFunction


class Hooks(Struct, frozen=True):
    """What runs around nodes: the first two are given the node's record before what torch gives to a hook."""

    before: Hook
    after: Hook
    before_accumulated: Hook
    accumulated: Hook


class SavedRecord(Struct, eq=False, gc=False):
    """A tensor that a node keeps: how it was when saved, and when backward came to read it."""

    slot: str
    attribute: str
    index: int | None
    step: int
    tensor: TensorRecord | None = None
    version: int | None = None
    saved: Snapshot | None = None
    hooked: bool = False
    version_read: int | None = None
    at_read: Snapshot | None = None
    intact: bool | None = None


class NodeRecord(Struct, eq=False, gc=False):
    """One node of the graph."""

    key: str
    name: str
    step: int | None  # None where it was recorded some time after the last line that is known
    moment: int
    call: int | None
    tensors: tuple[str, ...]
    custom: bool = False
    freed_at: int | None = None
    edges: tuple[Edge | None, ...] = ()
    saved: tuple[SavedRecord, ...] = ()
    kept: tuple[SavedRecord, ...] = ()


class Graph:
    """Every node that the run recorded, by its id in the Trace."""

    def __init__(self, clock: Clock, memory: Memory, snapshots: Snapshots, hooks: Hooks) -> None:
        self._clock = clock
        self.nodes: dict[str, NodeRecord] = {}
        self.most = budget.NODES
        self.left_out = 0
        self._by_sequence: dict[int, NodeRecord] = {}
        self._of_leaf: dict[str, NodeRecord] = {}
        self._memory, self._snapshots = memory, snapshots
        self._hooks = hooks
        self._accumulated = OwnHook(hooks.accumulated)
        self._before_accumulated = OwnHook(hooks.before_accumulated)
        self._names: dict[str, str] = {}
        self._copied: deque[tuple[Snapshot, TensorRecord, NodeRecord]] = deque()  # large saved tensors, oldest first
        self._copied_bytes = 0
        self._settle_at = _SETTLED_BYTES
        spare_handles()

    def accumulator(self, leaf: TensorRecord | None) -> NodeRecord | None:
        """The record of the AccumulateGrad of `leaf`, if it was walked; also where other memory was put under it since.

        `w.data = other` does that.
        """
        while leaf is not None:
            if leaf.key in self._of_leaf:
                return self._of_leaf[leaf.key]
            leaf = self._memory.tensors.get(leaf.continues or "")
        return None

    def follow(self, tensor: torch.Tensor, record: TensorRecord, step: int, call: int | None) -> None:
        """Note the `grad_fn` of `tensor`, and walk whatever is new above it."""
        node = grad_fn_of(tensor)
        if node is None:
            if record.sequence != -1 or (record.requires_grad and not requires_grad_of(tensor)):  # detach_() took it
                record.sequence = -1
                record.turn(self._clock.now, None, is_leaf_of(tensor), requires_grad_of(tensor))
            return
        sequence = number_of(node)
        if sequence == record.sequence:
            return
        record.sequence = sequence  # first: what the node saved may be this very tensor
        found = self._by_sequence.get(sequence) or self._walk(node, step, call)
        if found is not None:
            record.turn(self._clock.now, found.key, False, True)
            if record.key not in found.tensors:
                found.tensors += (record.key,)

    def follow_leaf(self, tensor: torch.Tensor, step: int) -> Node | None:
        """Watch what adds up the `.grad` of a leaf that backward begins at, while it is held: no node leads to it."""
        if grad_fn_of(tensor) is not None or not requires_grad_of(tensor) or is_view(tensor):
            return None
        with torch.inference_mode(mode=False), torch.enable_grad():
            recorded = grad_fn_of(view_as(tensor, tensor))
        node = recorded.next_functions[0][0] if recorded is not None else None
        if node is not None and is_accumulate_grad(node):
            self._accumulator(node, step)
        return node

    def _walk(self, root: Node, step: int, call: int | None) -> NodeRecord | None:
        """Enter `root` and every unknown node above it; None when the graph is too large to keep."""
        if len(self.nodes) >= self.most:
            self.left_out += 1
            return None
        if is_accumulate_grad(root):
            return self._accumulator(root, step)
        first = self._enter(root, number_of(root), step, call)
        todo = [(root, first)]
        while todo:
            node, record = todo.pop()
            edges: list[Edge | None] = []
            for above, index in node.next_functions:
                if above is None:
                    edges.append(None)
                    continue
                if is_accumulate_grad(above):
                    known: NodeRecord | None = self._accumulator(above, step)
                else:
                    sequence = number_of(above)
                    known = self._by_sequence.get(sequence)
                    if known is None and len(self.nodes) < self.most:
                        known = self._enter(above, sequence, step, call)
                        todo.append((above, known))
                if known is None:
                    self.left_out += 1
                    edges.append(None)
                else:
                    edges.append(Edge(node=known.key, index=index))
            record.edges = tuple(edges)
        return first

    def _accumulator(self, node: Node, step: int) -> NodeRecord:
        """The record of an AccumulateGrad: one for each leaf, however often torch makes the node anew."""
        leaf = self._memory.meet(node.variable, step)  # type: ignore[attr-defined]  # not in the stubs of torch
        record = self.accumulator(leaf)
        if record is None:
            record = NodeRecord(f"n{len(self.nodes)}", "AccumulateGrad", step, self._clock.now, None, (leaf.key,))
            leaf.node = record.key  # no turn: it is a leaf all along
            self.nodes[record.key] = self._of_leaf[leaf.key] = record
        metadata = metadata_of(node)
        if _MARK not in metadata:
            metadata[_MARK] = True
            node.register_hook(self._accumulated)
        if leaf.hooked and metadata[_MARK] is not _BOTH:
            metadata[_MARK] = _BOTH
            node.register_prehook(self._before_accumulated)  # the lines of hooks come between
        return record

    def hook_leaf(self, tensor: torch.Tensor, record: TensorRecord, step: int) -> None:
        """Hooks run once a gradient is added to `tensor`: from now on, also watch when that begins."""
        record.hooked = True
        self.follow_leaf(tensor, step)

    def _enter(self, node: Node, sequence: int, step: int, call: int | None) -> NodeRecord:
        kind, custom = type(node), False
        slots = _TORCHS_SLOTS.get(kind)
        if slots is None:
            slots, custom = _slots_of(kind), issubclass(kind, _Custom)
            if not custom:
                _TORCHS_SLOTS[kind] = slots
        full_name = node.name()
        name = self._names.get(full_name)
        if name is None:
            name = self._names[full_name] = clean(full_name.rpartition("::")[2])
        record = NodeRecord(f"n{len(self.nodes)}", name, step, self._clock.now, call, (), custom)
        self.nodes[record.key] = self._by_sequence[sequence] = record
        if slots:
            saved: list[SavedRecord] = []
            for attribute, slot in slots:
                raw = _held(node, attribute)
                if raw is None:  # this call did not need the slot
                    continue
                if type(raw) is tuple or type(raw) is list:
                    for index, one in enumerate(raw):
                        entry = SavedRecord(f"{slot}[{index}]", attribute, index, step)
                        if self._keep(one, sequence, entry, record):
                            saved.append(entry)
                else:
                    entry = SavedRecord(slot, attribute, None, step)
                    if self._keep(raw, sequence, entry, record):
                        saved.append(entry)
            record.saved = tuple(saved)
        if custom:
            record.kept = tuple(self._attributes(node, record, step))
        if slots or custom:
            node.register_prehook(OwnHook(self._hooks.before, record))
        node.register_hook(OwnHook(self._hooks.after, record))
        return record

    def _keep(self, saved: object, sequence: int, entry: SavedRecord, node: NodeRecord) -> bool:
        """Note in `entry` what there is to know of a tensor that `node` has `saved`; False for none."""
        tensor = contents_of(saved)
        if tensor is None:
            entry.hooked = _is_hooked(saved)
            return entry.hooked
        memory = self._memory
        # an input is saved as itself, an output as a detached stand-in over the same memory
        record = memory.known(tensor) or memory.stand_in(tensor, sequence) or memory.enter(tensor, entry.step)
        self._note_kept(entry, tensor, record, node)
        return True

    def _attributes(self, node: Node, record: NodeRecord, step: int) -> Iterator[SavedRecord]:
        """What a Function of the reader's has set as attributes of its ctx, which is the node: numbers with a point."""
        for attribute, value in list(vars(node).items())[:_ATTRIBUTES]:
            if is_tensor(value) and ((dtype := dtype_of(value)).is_floating_point or dtype.is_complex):
                entry = SavedRecord(clean(attribute), attribute, None, step)
                self._note_kept(entry, value, self._memory.meet(value, step), record)
                yield entry

    def _note_kept(self, entry: SavedRecord, tensor: torch.Tensor, record: TensorRecord, node: NodeRecord) -> None:
        entry.tensor, entry.version = record, version_of(tensor)
        if record.storage is not None:
            taken = entry.saved = self._snapshots.take_observable(tensor)
            if taken is None:
                return
            if taken.large is None:
                self._snapshots.keep(taken)
            else:
                self._keep_copy(taken, record, node)

    def _keep_copy(self, taken: Snapshot, tensor: TensorRecord, node: NodeRecord) -> None:
        """Hold the copy of a large saved tensor, for which older ones may have to go."""
        self._copied.append((taken, tensor, node))
        self._copied_bytes += len(taken.large or b"")
        if self._copied_bytes > self._settle_at:
            self._let_go()
        while self._copied_bytes > budget.COPIES_BYTES:
            oldest, _, _ = self._copied.popleft()
            self._copied_bytes -= len(oldest.large or b"")
            oldest.forget()

    def _let_go(self) -> None:
        """Drop the copies with which nothing will be compared: what was saved is gone.

        Not only once there are too many: the next ones then lie where those did, in memory that is in the caches.
        """
        kept: deque[tuple[Snapshot, TensorRecord, NodeRecord]] = deque()
        for copy in self._copied:
            taken, tensor, node = copy
            if node.freed_at is not None and tensor.ref() is None:
                self._copied_bytes -= len(taken.large or b"")
                taken.large = None
            else:
                kept.append(copy)
        self._copied = kept
        self._settle_at = max(_SETTLED_BYTES, 2 * self._copied_bytes)

    def read(self, node: Node, record: NodeRecord) -> tuple[bool, tuple[Check, ...]]:
        """Compare what `node` kept with what it will read now. False if it was freed."""
        held = False
        checks: list[Check] = []
        for at, entry in enumerate(record.saved):
            raw = _held(node, entry.attribute)
            if type(raw) is tuple or type(raw) is list:
                raw = raw[entry.index] if entry.index is not None and entry.index < len(raw) else None
            tensor = contents_of(raw)
            if tensor is None:
                held = held or _is_hooked(raw)
                continue
            held = True
            self._compare(entry, tensor)
            checks.append(_check(at, entry.version_read, entry.intact))
        for entry in record.kept:
            value = vars(node).get(entry.attribute)
            if entry.tensor is not None and is_tensor(value) and self._memory.known(value) is entry.tensor:
                self._compare(entry, value)
        return held or not record.saved, tuple(checks)

    def _compare(self, entry: SavedRecord, tensor: torch.Tensor) -> None:
        """Note how `tensor`, which is about to be read, is, and whether it holds what it did when it was kept."""
        entry.version_read = version_of(tensor)
        if entry.saved is None:
            return
        if self._snapshots.is_still(tensor, entry.saved):
            entry.intact, entry.at_read = True, None
        else:
            now = self._snapshots.take_observable(tensor)
            if now is not None:
                entry.intact = entry.saved.same_as(now)
                entry.at_read = None
                if not entry.intact:
                    now.large = None
                    entry.at_read = self._snapshots.keep(now)


def _slots_of(kind: type[Node]) -> tuple[tuple[str, str], ...]:
    """The attributes by which this type of node keeps tensors, with torch's own names for the slots."""
    names = (name for name in dir(kind) if name.startswith("_raw_saved_"))
    return tuple((name, name.removeprefix("_raw_saved_")) for name in names)


# of nodes in earlier runs too, but not of custom Functions: the snippet's classes live as long as without us
_TORCHS_SLOTS: dict[type[Node], tuple[tuple[str, str], ...]] = {}


@lru_cache(1_000)  # there are many, and few different ones
def _check(slot: int, version: int | None, intact: bool | None) -> Check:
    return Check(slot=slot, version=version, intact=intact)


_numbers = count(-2, -1)


def number_of(node: Node) -> int:
    """Its sequence number; for one that torch gives none, a negative one of ours, noted at the node."""
    number = node._sequence_nr()
    if number != _UNNUMBERED:
        return number
    own = metadata_of(node).setdefault(_MARK, None) or next(_numbers)
    metadata_of(node)[_MARK] = own
    return cast("int", own)


def _held(node: Node, attribute: str) -> object:
    """What `node` keeps there: a SavedTensor, a tuple of them, or None once they were freed."""
    try:
        return getattr(node, attribute)
    except RuntimeError:  # a freed list of saved tensors raises where a single one is empty
        return None


def contents_of(saved: object) -> torch.Tensor | None:
    """The tensor in a SavedTensor, without the version check; None if it is empty, freed or packed by hooks."""
    if saved is None or getattr(saved, "unpack_hook", None) is not None:  # as `_is_hooked`, asked very often
        return None
    tensor = saved.data  # type: ignore[attr-defined]  # not in the stubs of torch
    return tensor if isinstance(tensor, TensorBase) else None


def _is_hooked(saved: object) -> bool:
    """Whether saved-tensor hooks packed it: torch then checks no version."""
    return getattr(saved, "unpack_hook", None) is not None
