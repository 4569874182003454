"""Contents as the Trace writes them: listed within a budget, summarised above it."""

from math import prod
from typing import Literal

import torch

from app.trace.model import Values
from app.worker import budget
from app.worker.bound import (
    as_strided,
    data_ptr,
    dtype_of,
    frombuffer,
    is_contiguous,
    is_neg,
    memory_at,
    numel,
    reshape,
    shape_of,
    tolist,
)
from app.worker.contents import (
    ITEM_BYTES,
    as_tuple,
    dtype_name,
    extent_of,
    fresh,
    is_observable,
    is_within,
    listed,
    sizes_of,
)
from app.worker.numbers import scalars
from app.worker.snapshots import Snapshot
from app.worker.summaries import summary

# as `struct` calls them; the others are listed by torch
_CODES: dict[torch.dtype, Literal["f", "d", "q", "i", "?"]] = {
    torch.float32: "f",
    torch.float64: "d",
    torch.int64: "q",
    torch.int32: "i",
    torch.bool: "?",
}


class Listing:
    """Turns contents into Values, within a budget of listed numbers."""

    def __init__(self, scalars: int = budget.SCALARS, summaries: int = budget.SUMMARIES) -> None:
        self._scalars, self._summaries = scalars, summaries
        self._shapes: dict[tuple[tuple[int, ...], torch.dtype], Values] = {}
        self.unlisted = 0

    def of_snapshots(self, snapshots: tuple[Snapshot | None, ...]) -> tuple[Values | None, ...]:
        """As `of_snapshot`, of each."""
        if not self.is_spent():
            return tuple([None if snapshot is None else self.of_snapshot(snapshot) for snapshot in snapshots])
        found: list[Values | None] = []
        for snapshot in snapshots:
            if snapshot is None:
                found.append(None)
                continue
            if snapshot.block is not None:
                self.unlisted += 1
            values = self._shapes.get((snapshot.shape, snapshot.dtype))
            found.append(self._of_shape(snapshot.shape, snapshot.dtype) if values is None else values)
        return tuple(found)

    def of_snapshot(self, snapshot: Snapshot) -> Values:
        """What `snapshot` held, listed up to the limit for a moment in the run."""
        if snapshot.block is None or self.is_spent():
            self.unlisted += snapshot.block is not None
            known = self._shapes.get((snapshot.shape, snapshot.dtype))
            return self._of_shape(snapshot.shape, snapshot.dtype) if known is None else known
        if not snapshot.block:
            return Values(shape=tuple(snapshot.shape), dtype=dtype_name(snapshot.dtype), flat=())
        code = _CODES.get(snapshot.dtype)
        if code and snapshot.stride is None and prod(snapshot.shape) <= min(budget.LISTED, self._scalars):
            flat = memoryview(snapshot.block).cast(code).tolist()
            self._scalars -= len(flat)
            return Values(shape=tuple(snapshot.shape), dtype=dtype_name(snapshot.dtype), flat=scalars(flat))
        tensor = frombuffer(bytearray(snapshot.block), dtype=snapshot.dtype)
        if snapshot.stride:
            tensor = as_strided(tensor, snapshot.shape, snapshot.stride)
        else:
            tensor = reshape(tensor, snapshot.shape)
        return self.of_tensor(tensor, budget.LISTED)

    def _of_shape(self, shape: tuple[int, ...], dtype: torch.dtype) -> Values:
        """Values of which nothing is listed: they are many in a long run, and few different ones."""
        values = self._shapes[shape, dtype] = Values(shape=tuple(shape), dtype=dtype_name(dtype))
        return values

    def of_tensor(self, tensor: torch.Tensor, most: int = budget.LISTED_AT_END) -> Values:
        """What `tensor` holds now: listed up to `most` elements, summarised above."""
        dtype = dtype_of(tensor)
        if not is_observable(tensor):
            return Values(shape=sizes_of(tensor), dtype=dtype_name(dtype))
        shape, elements, contiguous = as_tuple(shape_of(tensor)), numel(tensor), is_contiguous(tensor)
        if not is_within(tensor, elements if contiguous else extent_of(tensor)):
            return Values(shape=shape, dtype=dtype_name(dtype))
        if elements <= min(most, self._scalars):
            self._scalars -= elements
            code = _CODES.get(dtype)
            if code and elements and contiguous and not is_neg(tensor):
                flat = memory_at(data_ptr(tensor), elements * ITEM_BYTES[dtype]).cast(code).tolist()
            else:
                flat = tolist(reshape(fresh(tensor), (-1,)))
            return Values(shape=shape, dtype=dtype_name(dtype), flat=scalars(flat))
        self.unlisted += elements <= most
        if not self._summaries:
            return Values(shape=shape, dtype=dtype_name(dtype))
        self._summaries -= 1
        return Values(shape=shape, dtype=dtype_name(dtype), summary=summary(tensor))

    def of_cells(self, first: int, cells: int, dtype: torch.dtype) -> Values:
        """As `of_tensor`, of so many elements that lie at the address `first`."""
        code = _CODES.get(dtype)
        if not code or not 0 < cells <= min(budget.LISTED_AT_END, self._scalars):
            return self.of_tensor(listed(first, cells, dtype))
        self._scalars -= cells
        flat = memory_at(first, cells * ITEM_BYTES[dtype]).cast(code).tolist()
        return Values(shape=(cells,), dtype=dtype_name(dtype), flat=scalars(flat))

    def is_spent(self) -> bool:
        """Whether hardly anything more is listed or summarised."""
        return self._scalars < budget.LISTED or not self._summaries
