"""Who wrote which memory: by an operator that moved a counter, by one that did not, or by no operator."""

import zlib
from collections.abc import Sequence

import numpy
import torch
from msgspec import Struct

from app.worker import budget
from app.worker.bound import memory_at, version_of
from app.worker.chronicle import Chronicle
from app.worker.clock import Clock
from app.worker.memory import Memory
from app.worker.records import CounterRecord, StorageRecord, TensorRecord

NO_OPERATOR = "(not an operator)"

NumpyArray = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.generic]]


class WriteRecord(Struct, eq=False, gc=False):
    """One write of memory."""

    moment: int
    step: int
    op: str
    storage: StorageRecord
    counter: CounterRecord | None
    through: TensorRecord | None
    version: int | None
    name: str | None
    overlapping: bool = False


class Writes:
    """Every write of the run, in order."""

    def __init__(self, clock: Clock, memory: Memory, chronicle: Chronicle, namespace: dict[str, object]) -> None:
        self.all: list[WriteRecord] = []
        self.left_out = 0
        self.exposed: dict[str, int] = {}  # checksums of the storages that can be written unseen
        self._clock, self._memory, self._chronicle, self._namespace = clock, memory, chronicle, namespace

    def _note(
        self,
        step: int,
        op: str,
        storage: StorageRecord,
        counter: CounterRecord | None,
        through: TensorRecord | None,
        name: str | None = None,
    ) -> None:
        self._chronicle.look(storage)
        if len(self.all) >= budget.WRITES:
            self.left_out += 1
        else:
            version = counter.version if counter is not None else None
            name = name or (through.label() if through is not None else None)
            self.all.append(WriteRecord(self._clock.now, step, op, storage, counter, through, version, name))
        if storage.key in self.exposed:
            self.exposed[storage.key] = checksum(storage)

    def note_versioned(
        self,
        op: str,
        step: int,
        through: Sequence[tuple[torch.Tensor, TensorRecord]],
        moved: Sequence[tuple[torch.Tensor, TensorRecord]],
    ) -> None:
        """An operator moved the counters of `moved`; it went through the tensors `through`, once for each counter."""
        written: set[str] = set()
        for tensor, record in moved:
            version = version_of(tensor)
            if record.counter is not None and version is not None:
                record.counter.saw(version, self._clock.now)
        for _, record in through:
            if record.counter is not None and record.storage is not None and record.counter.key not in written:
                written.add(record.counter.key)
                self._note(step, op, record.storage, record.counter, record)

    def mark_overlapping(self, moment: int, through: TensorRecord) -> None:
        """The operator that wrote last, through `through`, gave what hangs on the order in which it read and wrote."""
        last = self.all[-1] if self.all else None
        if last is not None and last.moment == moment and last.storage is through.storage:
            last.overlapping = True

    def note_uncounted(self, op: str, step: int, written: Sequence[TensorRecord], *, raised: bool) -> None:
        """An operator wrote tensors in place; those made in inference mode have no counter to move.

        One that `raised` may have written before it did.
        """
        for record in written:
            if record.counter is None and record.storage is not None:
                before = record.storage.looks[-1].block if record.storage.looks else None
                self._chronicle.look(record.storage)
                if not raised or (record.storage.looks and record.storage.looks[-1].block != before):
                    self._note(step, op, record.storage, None, record)

    def note_unversioned(self, op: str, step: int, records: Sequence[TensorRecord], before: Sequence[int]) -> None:
        """An operator that writes some inputs without moving their counters: those whose contents changed."""
        for record, old in zip(records, before, strict=True):
            if record.storage is not None and checksum(record.storage) != old:
                self._note(step, op, record.storage, None, record)

    def note_relocated(self, op: str, step: int, tensor: torch.Tensor) -> None:
        """An operator may have swapped the memory under `tensor`, or its geometry."""
        old = self._memory.meet(tensor, step)
        new = self._memory.relocate(tensor, step)
        if new is not old:
            new.op = op
            if old.storage is not None and new.storage is not old.storage:
                self._note(step, op, old.storage, None, old)
            if new.storage is not None:
                new.storage.locate()
                self._chronicle.look(new.storage)

    def note_accumulated(self, step: int, leaf: torch.Tensor) -> None:
        """AccumulateGrad may have added to a `.grad` that was met before."""
        grad = leaf.grad
        record = self._memory.known(grad) if grad is not None else None
        if grad is None or record is None or record.storage is None:
            return
        if record.counter is None:  # made in inference mode
            self._note(step, "AccumulateGrad", record.storage, None, record)
            return
        version = version_of(grad)
        if version is not None and version != record.counter.version:
            record.counter.saw(version, self._clock.now)
            self._note(step, "AccumulateGrad", record.storage, record.counter, record)

    def expose(self, storage: StorageRecord) -> None:
        """The address of `storage` is known to the snippet from now on: it may be written unseen."""
        storage.exposed = True
        self.exposed[storage.key] = checksum(storage)

    def compare_exposed(self, step: int) -> None:
        """Note a write for each exposed storage whose contents changed since they were last compared."""
        for key, before in list(self.exposed.items()):
            storage = self._memory.storages.get(key)
            if storage is None or not storage.is_alive():
                del self.exposed[key]
            elif checksum(storage) != before:
                self._note(step, NO_OPERATOR, storage, None, None, self._array_over(storage))

    def _array_over(self, storage: StorageRecord) -> str | None:
        """The reader's first name for a numpy array over `storage`."""
        for name, array in arrays_in(self._namespace):
            if storage.first <= address_of(array) < storage.first + storage.size_bytes:
                return name
        return None


def checksum(storage: StorageRecord) -> int:
    """Of the bytes of `storage` while it is alive, wherever they lie now; 0 for one too large to compare."""
    storage.locate()
    if not storage.size_bytes or storage.size_bytes > budget.CHECKSUM_BYTES or not storage.is_alive():
        return 0
    return zlib.crc32(memory_at(storage.first, storage.size_bytes))


def arrays_in(namespace: dict[str, object]) -> list[tuple[str, NumpyArray]]:
    """The numpy arrays that `namespace` names."""
    return [(name, value) for name, value in list(namespace.items()) if type(value) is numpy.ndarray]


def address_of(array: NumpyArray) -> int:
    """Of its first element."""
    return int(array.__array_interface__["data"][0])
