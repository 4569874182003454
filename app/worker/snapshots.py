"""What tensors held at one time, kept to list it later or to compare it with what they hold then."""

import zlib
from collections import deque
from collections.abc import Sequence

import torch
from msgspec import Struct

from app.worker import budget
from app.worker.bound import (
    data_ptr,
    dtype_of,
    is_conj,
    is_contiguous,
    is_neg,
    is_nested_of,
    is_the_readers,
    memory_at,
    numel,
    offset_of,
    shape_of,
    size_bytes_of,
    stride_of,
    to_contiguous,
    untyped_storage,
)
from app.worker.contents import COMPLEX, ITEM_BYTES, as_tuple, extent_of, fresh, is_observable, is_within, sizes_of

_crc32 = zlib.crc32


class Snapshot(Struct, gc=False):
    """The bytes of one tensor at one time: whole, or a checksum of many. Those of a large one are never listed."""

    block: bytes | None
    shape: tuple[int, ...]
    stride: tuple[int, ...] | None
    dtype: torch.dtype
    checksum: int | None = None  # of one whose bytes are not kept
    large: bytes | None = None  # the bytes of a large one, as long as there is room

    def same_as(self, other: "Snapshot") -> bool:
        """Whether every byte is the same (of very large and forgotten ones: their checksum)."""
        if self.shape != other.shape:
            return False
        mine, others = self.block or self.large, other.block or other.large
        if mine is None or others is None:
            return self._checksum() == other._checksum()
        return mine == others

    def forget(self) -> None:
        """Keep no more than the checksum."""
        self.checksum, self.block, self.large = self._checksum(), None, None

    def _checksum(self) -> int | None:
        held = self.large if self.block is None else self.block
        return self.checksum if held is None else _crc32(held)


class Snapshots:
    """Takes snapshots within a budget of bytes; the oldest lose their contents first, but for the very first."""

    def __init__(self) -> None:
        self._kept: deque[Snapshot] = deque()
        self._bytes = 0
        self._shapes: dict[tuple[tuple[int, ...], torch.dtype], Snapshot] = {}  # contiguous, without contents
        self.forgotten = 0

    def take(self, tensor: torch.Tensor) -> Snapshot | None:
        """What `tensor` holds now, to compare; None where its memory cannot be read or is too large for that."""
        return self.take_observable(tensor) if is_observable(tensor) else None

    def take_observable(self, tensor: torch.Tensor) -> Snapshot | None:
        """As `take`, of a tensor that is known to be observable."""
        dtype, stride = dtype_of(tensor), None
        shape = as_tuple(shape_of(tensor))
        if is_contiguous(tensor) and dtype not in COMPLEX:
            size_bytes = numel(tensor) * ITEM_BYTES[dtype]
            last = size_bytes + offset_of(tensor) * ITEM_BYTES[dtype]
            if size_bytes and last > size_bytes_of(untyped_storage(tensor)):  # it was resized under it
                return None
        else:
            contiguous = is_contiguous(tensor)
            if not is_within(tensor, numel(tensor) if contiguous else extent_of(tensor)):
                return None
            tensor, stride, extent = _unscattered(tensor, contiguous=contiguous)
            size_bytes = extent * ITEM_BYTES[dtype]
        if size_bytes <= budget.SNAPSHOT_BYTES:
            return Snapshot(memory_at(data_ptr(tensor), size_bytes).tobytes(), shape, stride, dtype)
        if size_bytes > budget.CHECKSUM_BYTES:
            return None
        held = memory_at(data_ptr(tensor), size_bytes)
        if size_bytes > budget.COPIED_BYTES:
            return Snapshot(None, shape, stride, dtype, _crc32(held))
        return Snapshot(None, shape, stride, dtype, None, held.tobytes())  # a copy costs a tenth of a checksum

    def is_still(self, tensor: torch.Tensor, snapshot: Snapshot) -> bool:
        """Whether `tensor`, which is observable, holds what it did at `snapshot`, compared where it lies.

        False also where only another snapshot can tell.
        """
        block, dtype = snapshot.block or snapshot.large, dtype_of(tensor)
        if block is None or dtype is not snapshot.dtype or dtype in COMPLEX or shape_of(tensor) != snapshot.shape:
            return False
        if snapshot.stride is None:
            if not is_contiguous(tensor):
                return False
        elif stride_of(tensor) != snapshot.stride or is_contiguous(tensor) or is_neg(tensor):
            return False
        size_bytes = len(block)
        if size_bytes + offset_of(tensor) * ITEM_BYTES[dtype] > size_bytes_of(untyped_storage(tensor)):
            return False
        return block.startswith(memory_at(data_ptr(tensor), size_bytes))  # copies nothing, unlike a comparison

    def keep(self, snapshot: Snapshot | None) -> Snapshot | None:
        """Count the contents of `snapshot`, which stays, in the budget."""
        if snapshot is not None and snapshot.block is not None:
            self._bytes += len(snapshot.block)
            if self._bytes > budget.BEGINNING_BYTES:
                self._kept.append(snapshot)
            if self._bytes > budget.SNAPSHOTS_BYTES:
                self._forget()
        return snapshot

    def take_gradients(self, gradients: Sequence[torch.Tensor | None]) -> tuple[Snapshot | None, ...]:
        """What each of `gradients` holds now; of large ones, and of such as cannot be read, only the shape.

        Their storages are not asked for: one that Python has seen is no longer added to in place.
        """
        if not gradients:  # as AccumulateGrad sends
            return ()
        taken: list[Snapshot | None] = []
        for tensor in gradients:
            if tensor is None or not is_observable(tensor):
                taken.append(None if tensor is None else self._unseen(tensor))
                continue
            dtype, shape, stride, contiguous = dtype_of(tensor), as_tuple(shape_of(tensor)), None, is_contiguous(tensor)
            if contiguous and dtype not in COMPLEX:
                extent = numel(tensor)
            else:
                tensor, stride, extent = _unscattered(tensor, contiguous=contiguous)
            size_bytes = extent * ITEM_BYTES[dtype]
            if size_bytes > budget.SNAPSHOT_BYTES:
                taken.append(self._of_shape(shape, dtype) if stride is None else Snapshot(None, shape, stride, dtype))
                continue
            snapshot = Snapshot(memory_at(data_ptr(tensor), size_bytes).tobytes(), shape, stride, dtype)
            taken.append(snapshot)
            self._bytes += size_bytes
            if self._bytes > budget.BEGINNING_BYTES:
                self._kept.append(snapshot)
        if self._bytes > budget.SNAPSHOTS_BYTES:
            self._forget()
        return tuple(taken)

    def _unseen(self, tensor: torch.Tensor) -> Snapshot | None:
        """Of a gradient whose contents cannot be read (sparse, wrapped by a transform); None where no shape can be."""
        if is_the_readers(tensor) or is_nested_of(tensor):
            return None
        return self._of_shape(sizes_of(tensor), dtype_of(tensor))

    def _of_shape(self, shape: tuple[int, ...], dtype: torch.dtype) -> Snapshot:
        """One for all gradients of a shape of which nothing more is kept: a training loop has thousands."""
        known = self._shapes.get((shape, dtype))
        if known is None:
            known = self._shapes[shape, dtype] = Snapshot(None, shape, None, dtype)
        return known

    def _forget(self) -> None:
        while self._bytes > budget.SNAPSHOTS_BYTES:
            oldest = self._kept.popleft()
            self._bytes -= len(oldest.block or b"")
            oldest.forget()
            self.forgotten += 1


def _unscattered(tensor: torch.Tensor, *, contiguous: bool) -> tuple[torch.Tensor, tuple[int, ...] | None, int]:
    """`tensor` or a copy of it whose bytes are its elements, how they lie if not in order, and how many they are.

    A copy, outside any graph, where the bytes would be those of others too, or have other signs.
    """
    elements = extent = numel(tensor)
    stride = None
    if not contiguous:
        stride, extent = stride_of(tensor), extent_of(tensor)
    is_lazy = (stride and is_neg(tensor)) or (dtype_of(tensor) in COMPLEX and (stride or is_conj(tensor)))
    if extent > elements or is_lazy:
        return to_contiguous(fresh(tensor)), None, elements
    return tensor, stride, extent
