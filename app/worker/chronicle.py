"""What each storage held, from moment to moment: a copy of its bytes where they changed, within a budget.

Small memory is kept whole until the budget is spent; then, as for large memory from the start, only some of a
storage's contents are kept: all of the first ones, and ever fewer later.
"""

from collections.abc import Iterator

import numpy
import torch

from app.trace.model import Content, Packing
from app.worker import budget
from app.worker.bound import frombuffer, memory_at, to, to_numpy
from app.worker.clock import Clock
from app.worker.contents import ITEM_BYTES
from app.worker.records import Look, StorageRecord
from app.worker.summaries import can_wait, summary_at, summary_of

_ALL_OF_THE_FIRST = 20  # contents of one storage
_EACH_DOUBLING = 8  # of them kept for each doubling of their number after that
_DIFFED_BYTES = 256  # up to here a change is kept as the whole
_WAITING_BYTES = 2**20  # of contents that are still to be summarised

_PACKED: dict[torch.dtype, Packing] = {
    torch.float32: "f",
    torch.float64: "d",
    torch.float16: "e",
    torch.int64: "q",
    torch.int32: "i",
    torch.int16: "h",
    torch.int8: "b",
    torch.uint8: "B",
    torch.uint16: "H",
    torch.uint32: "I",
    torch.uint64: "Q",
    torch.bool: "?",
    torch.complex64: "F",
    torch.complex128: "D",
}


class Chronicle:
    """Looks at storages when they are made, named or written."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bytes = 0
        self._summarised = 0
        self._waiting: list[tuple[Look, bytes, torch.dtype]] = []
        self._waiting_bytes = 0
        self.thinned = False

    def look(self, storage: StorageRecord) -> None:
        """Note what `storage` holds now, where that is not what it held when it was last looked at."""
        if not storage.is_alive():
            return
        size_bytes, looks, now = storage.size_bytes, storage.looks, self._clock.now
        small = size_bytes <= budget.SNAPSHOT_BYTES
        if (not small or self._bytes > budget.CONTENTS_BYTES) and not _is_kept(len(looks)):
            look = Look(now)
            self.thinned = True
        elif small:
            block = memory_at(storage.first, size_bytes).tobytes() if size_bytes else b""
            if looks and looks[-1].block == block:
                return
            self._bytes += size_bytes
            look = Look(now, block)
        else:
            look = Look(now)
            self._summarise(storage, look)
        if isinstance(looks, list):
            if looks[-1].moment == now:
                looks[-1] = look
            else:
                looks.append(look)
        else:  # of one at most
            storage.looks = [*looks, look] if looks and looks[0].moment != now else (look,)

    def _summarise(self, storage: StorageRecord, look: Look) -> None:
        """See to it that `look` gets a summary of what `storage` holds now: at once only of much memory.

        Of less, a copy waits for others: amid the run numpy's code is out of the caches each time, and a summary takes
        twice as long.
        """
        dtype = storage.dtype
        elements = storage.size_bytes // ITEM_BYTES[dtype]
        if self._summarised + elements > budget.SUMMARISED_IN_RUN:
            self.thinned = True
            return
        self._summarised += elements
        if not can_wait(elements, dtype):
            look.summary = summary_at(storage.first, elements, dtype)
            return
        size_bytes = elements * ITEM_BYTES[dtype]
        self._waiting.append((look, memory_at(storage.first, size_bytes).tobytes(), dtype))
        self._waiting_bytes += size_bytes
        if self._waiting_bytes > _WAITING_BYTES:
            self.summarise_waiting()

    def summarise_waiting(self) -> None:
        """Give every look its summary that still waits for it."""
        for look, block, dtype in self._waiting:
            look.summary = summary_of(block, dtype)
        self._waiting.clear()
        self._waiting_bytes = 0


def _is_kept(at: int) -> bool:
    """Whether the contents number `at` of a storage are kept where not all are."""
    return at < _ALL_OF_THE_FIRST or at % max((1 << (at.bit_length() - 1)) // _EACH_DOUBLING, 1) == 0


def packing_of(dtype: torch.dtype) -> Packing:
    """How cells of `dtype` are packed: kinds of float that Python cannot unpack go as float32."""
    return _PACKED.get(dtype, "f")


def contents_of(storage: StorageRecord) -> Iterator[Content]:
    """All that was kept of what `storage` held, as changes."""
    before: bytes | None = None
    item = ITEM_BYTES[storage.dtype]
    convert = storage.dtype not in _PACKED
    for look in storage.looks:
        block = look.block
        if block is None:
            yield Content(moment=look.moment, summary=look.summary)
        elif before is None or len(before) != len(block):
            whole = block[: len(block) // item * item]
            yield Content(
                moment=look.moment, cells=_as_floats(whole, storage.dtype) if convert else whole, resized=True
            )
        else:
            first, last = _changed(before, block, item)
            cells = block[first * item : last * item]
            yield Content(moment=look.moment, start=first, cells=_as_floats(cells, storage.dtype) if convert else cells)
        before = block


def _changed(before: bytes, after: bytes, item: int) -> tuple[int, int]:
    """The first element that differs, and the one after the last that does."""
    if len(after) <= _DIFFED_BYTES:
        return 0, len(after) // item
    differ = numpy.flatnonzero(numpy.frombuffer(before, numpy.uint8) != numpy.frombuffer(after, numpy.uint8))
    return (int(differ[0]) // item, int(differ[-1]) // item + 1) if differ.size else (0, 0)


def _as_floats(block: bytes, dtype: torch.dtype) -> bytes:
    """`block` of elements of `dtype`, a kind of float that Python does not know, as float32."""
    if not block:
        return block
    tensor = frombuffer(bytearray(block), dtype=dtype)
    converted: bytes = to_numpy(to(tensor, torch.float32)).tobytes()
    return converted
