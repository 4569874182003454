"""Which tensors stand over which memory, and which share a version counter.

Nothing here keeps a tensor or its memory alive: tensors are known by weak reference, storages by
torch's own weak reference to a StorageImpl (its address is not handed out again while we hold it).
"""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch

from app.worker import budget
from app.worker.bound import (
    alive,
    data_ptr,
    dtype_of,
    first_byte_of,
    free_weak_reference,
    impl_of,
    is_conj,
    is_expired,
    is_inference,
    is_marked_parameter,
    is_neg,
    is_resizable,
    offset_of,
    set_versions,
    shape_of,
    size_bytes_of,
    standing_of,
    stride_of,
    untyped_storage,
    version_of,
    weak_reference,
)
from app.worker.clock import Clock
from app.worker.contents import COMPLEX, ITEM_BYTES, as_tuple, is_observable, sizes_of
from app.worker.records import CounterRecord, StorageRecord, TensorRecord

_PROBE = 1 << 30  # no snippet writes this often, and a counter has 32 bits


class _Nothing:
    """What a reference that leads nowhere referred to."""


_GONE: Any = weakref.ref(_Nothing())


def place_in(storage: StorageRecord, tensor: torch.Tensor) -> int:
    """In elements from where `storage` begins, which for an array's may be before what torch was given."""
    if not storage.several and storage.owner == "torch":
        return offset_of(tensor)
    return (data_ptr(tensor) - storage.first) // ITEM_BYTES[dtype_of(tensor)]


class Memory:
    """Every tensor, storage and version counter that the run showed, by their ids in the Trace."""

    def __init__(self, clock: Clock, look: Callable[[StorageRecord], None]) -> None:
        self._clock, self._look = clock, look
        self.tensors: dict[str, TensorRecord] = {}
        self.storages: dict[str, StorageRecord] = {}
        self.counters: dict[str, CounterRecord] = {}
        self.by_id: dict[int, TensorRecord] = {}
        self._by_impl: dict[int, StorageRecord] = {}
        self._impl_weak: dict[int, int] = {}
        self._sweep_at = 128
        self._made = 0  # storages, those merged into others included

    def known(self, tensor: torch.Tensor) -> TensorRecord | None:
        """The record of `tensor` if it was met before."""
        record = self.by_id.get(id(tensor))
        return record if record is not None and record.ref() is tensor else None

    def meet(self, tensor: torch.Tensor, step: int) -> TensorRecord:
        """The record of `tensor`; a new one at first sight."""
        record = self.by_id.get(id(tensor))
        if record is not None and record.ref() is tensor:
            return record
        return self.enter(tensor, step)

    def enter(self, tensor: torch.Tensor, step: int) -> TensorRecord:
        """A new record for `tensor`, which has none."""
        key, kind, seen, ref = f"t{len(self.tensors)}", type(tensor), is_observable(tensor), weakref.ref(tensor)
        is_leaf, requires_grad = standing_of(tensor)
        record = TensorRecord(
            key,
            step,
            self._clock.now,
            ref,
            as_tuple(shape_of(tensor)) if seen else sizes_of(tensor),
            dtype_of(tensor),
            is_leaf,
            requires_grad,
            is_inference(tensor),
            kind is not torch.Tensor and (issubclass(kind, torch.nn.Parameter) or is_marked_parameter(tensor)),
        )
        self.tensors[key] = self.by_id[id(tensor)] = record
        if seen:
            storage = record.storage = self._storage(tensor, step)
            record.stride, record.offset = stride_of(tensor), place_in(storage, tensor)
            if storage.dtype in COMPLEX:
                record.lazy = is_conj(tensor) or is_neg(tensor)
            storage.is_under(record)
            version = version_of(tensor)
            if version is not None:  # not `inference`: memory can be swapped for another kind's
                counter = self._shared_counter(tensor, storage) if storage.counters else None
                if counter is None:
                    counter = self._new_counter(ref, storage, step, version)
                else:
                    counter.counts_for(ref)
                record.counter = counter
        return record

    def stand_in(self, tensor: torch.Tensor, sequence: int) -> TensorRecord | None:
        """The tensor that `tensor`, a detached copy of its handle, stands for.

        The one with grad_fn number `sequence` if there are several: an output that its own node saved.
        """
        storage = self._by_impl.get(impl_of(untyped_storage(tensor))) if is_observable(tensor) else None
        if storage is None:
            return None
        shape, stride, offset, dtype = shape_of(tensor), stride_of(tensor), offset_of(tensor), dtype_of(tensor)
        alike = []
        for record in storage.tensors:
            if record.stride == stride and record.shape == shape and record.offset == offset and record.dtype is dtype:
                alike.append(record)  # nearly always of one: a comprehension is a call
        if len(alike) < 2:
            return alike[0] if alike else None
        if len(storage.counters) > 1 and not is_inference(tensor):
            counter = self._shared_counter(tensor, storage)
            alike = [record for record in alike if record.counter is counter]
        alike.sort(key=lambda record: record.sequence == sequence)
        return alike[-1] if alike else None

    def relocate(self, tensor: torch.Tensor, step: int) -> TensorRecord:
        """The record of `tensor` after an operator that may have swapped its memory or geometry."""
        record = self.meet(tensor, step)
        if record.storage is None:
            return record
        impl = impl_of(untyped_storage(tensor))
        if (
            self._by_impl.get(impl) is record.storage
            and record.shape == tuple(shape_of(tensor))
            and record.stride == stride_of(tensor)
            and record.offset == place_in(record.storage, tensor)
        ):
            return record
        counter = record.counter
        successor = self.enter(tensor, step)
        record.names_of(is_local=False)  # from now on both have the same lists
        successor.continues, successor.names, successor.local_names = record.key, record.names, record.local_names
        successor.node, successor.sequence = record.node, record.sequence
        successor.hooked = record.hooked
        if record.grads:
            successor.has_grad(self._clock.now, record.grads[-1].tensor)
        if counter is not None and successor.counter not in (counter, None) and self._counts(counter, tensor):
            # `t.data = other` and `set_` leave a tensor its counter
            own, storage = successor.counter, successor.storage
            if own is not None and own.key == f"v{len(self.counters) - 1}" and storage is not None:
                del self.counters[own.key]
                storage.counters = tuple([other for other in storage.counters if other is not own])
            successor.counter = counter
            if storage is not None and counter not in storage.counters:
                storage.counters += (counter,)
        return successor

    def _storage(self, tensor: torch.Tensor, step: int) -> StorageRecord:
        storage = untyped_storage(tensor)
        impl = impl_of(storage)
        record = self._by_impl.get(impl)
        if record is not None:
            return record
        if len(self._by_impl) >= self._sweep_at:
            self._sweep()
        first, size_bytes = first_byte_of(storage), size_bytes_of(storage)
        if is_resizable(storage):
            record = self._new_storage(first, size_bytes, dtype_of(tensor), step, "torch")
        else:  # memory that torch did not allocate: numpy's, most of all
            overlapping = list(self._overlapping(first, first + size_bytes))
            if overlapping:
                record = self._merged(overlapping, first, first + size_bytes)
            else:
                record = self._new_storage(first, size_bytes, dtype_of(tensor), step, "numpy")
            record.exposed = True
        weak = weak_reference(storage)
        record.weak += (weak,)
        self._by_impl[impl] = record
        self._impl_weak[impl] = weak
        if self._made <= budget.LOOKED_AT_ONCE and not record.looks:
            self._look(record)
        return record

    def _new_storage(self, first: int, size_bytes: int, dtype: torch.dtype, step: int, owner: str) -> StorageRecord:
        key = f"s{self._made}"
        self._made += 1
        record = self.storages[key] = StorageRecord(key, first, size_bytes, dtype, step, self._clock.now, owner)
        return record

    def _merged(self, parts: list[StorageRecord], first: int, last: int) -> StorageRecord:
        """One record for `parts`, which memory from `first` up to before `last` turns out to connect."""
        whole = parts[0]
        whole.several = True
        begins = {part.key: part.first for part in parts}
        first = min([first, *(part.first for part in parts)])
        last = max([last, *(part.first + part.size_bytes for part in parts)])
        if (whole.first, whole.size_bytes) != (first, last - first):
            whole.looks = ()  # of other bytes
        whole.first, whole.size_bytes = first, last - first
        for part in parts:
            for tensor in part.tensors:
                tensor.offset += (begins[part.key] - whole.first) // ITEM_BYTES[tensor.dtype]
        for part in parts[1:]:
            del self.storages[part.key]
            part.key = whole.key  # for the writes that name it
            whole.weak += part.weak
            whole.counters += part.counters
            whole.tensors = [*whole.tensors, *part.tensors]
            for tensor in part.tensors:
                tensor.storage = whole
            self._by_impl = {impl: whole if record is part else record for impl, record in self._by_impl.items()}
        return whole

    def _overlapping(self, first: int, last: int) -> Iterator[StorageRecord]:
        """The living storages that have a byte at an address from `first` up to before `last`."""
        for record in dict.fromkeys(self._by_impl.values()):
            if record.first < last and first < record.first + record.size_bytes and record.is_alive():
                yield record

    def at_address(self, address: int) -> StorageRecord | None:
        """The living storage of the byte at `address`."""
        return next(self._overlapping(address, address + 1), None)

    def _sweep(self) -> None:
        """Forget the addresses of storages that are gone.

        Often enough: each weak reference pins a few bytes between the tensors that come and go.
        """
        for impl, weak in list(self._impl_weak.items()):
            if is_expired(weak):
                record = self._by_impl.pop(impl)
                record.weak = tuple([other for other in record.weak if other != weak])
                del self._impl_weak[impl]
                free_weak_reference(weak)
        self.by_id = {key: record for key, record in self.by_id.items() if record.ref() is not None}
        self._sweep_at = len(self._by_impl) + max(128, len(self._by_impl) // 4)

    def _new_counter(
        self, ref: "weakref.ref[torch.Tensor]", storage: StorageRecord, step: int, version: int
    ) -> CounterRecord:
        key = f"v{len(self.counters)}"
        counter = self.counters[key] = CounterRecord(key, version, step, self._clock.now, version, (ref,))
        storage.counters += (counter,)
        return counter

    def _counts(self, counter: CounterRecord, tensor: torch.Tensor) -> bool:
        """Whether `counter`, which counted for `tensor` before its memory was swapped, still does."""
        version = version_of(tensor)
        if version is None or version != counter.version:
            return False
        for probe in counter.probes:
            other = probe()
            if other is not None and other is not tensor:
                return self._move_together(alive(other), tensor, version)
        return not is_inference(tensor)

    @staticmethod
    def _move_together(one: torch.Tensor, other: torch.Tensor, version: int) -> bool:
        """Whether both, at `version`, have one counter: move that of one, and look whether the other's moved."""
        if version_of(one) != version:
            return False
        set_versions((one,), (version + _PROBE,))
        together = version_of(other) == version + _PROBE
        set_versions((one,), (version,))
        return together

    def _shared_counter(self, tensor: torch.Tensor, storage: StorageRecord) -> CounterRecord | None:
        """The counter of `tensor`, found by moving those of its storage and looking whether it moved too."""
        version = version_of(tensor)
        if version is None:
            return None
        for counter in storage.counters:
            probe = counter.probe()
            if probe is not None and (probe is tensor or self._move_together(probe, tensor, version)):
                return counter
        return None

    def forget(self, tensor: torch.Tensor) -> None:
        """Hold no reference to `tensor` any more: what it becomes is met anew."""
        record = self.by_id.pop(id(tensor), None)
        if record is not None and record.ref() is tensor:
            for counter in self.counters.values():
                counter.probes = tuple([probe for probe in counter.probes if probe() is not tensor])
            record.ref = _GONE

    def is_full(self) -> bool:
        """Whether no further tensors should be met."""
        return len(self.tensors) >= 2 * budget.OPERATIONS
