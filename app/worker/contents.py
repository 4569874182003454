"""What a tensor held at one time, copied without the tensor noticing.

Functions of torch are bound when the worker is imported, before any snippet could replace them.
"""

import zlib
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite, isnan, prod
from typing import Any, Literal

import numpy
import torch
from msgspec import Struct

from app.trace.model import Scalar, Summary, Values
from app.worker import budget
from app.worker.bound import (
    as_strided,
    conj_physical,
    data_ptr,
    dtype_of,
    frombuffer,
    has_storage,
    is_conj,
    is_contiguous,
    is_cpu_of,
    is_neg,
    is_nested_of,
    is_the_readers,
    layout_of,
    memory_at,
    neg,
    numel,
    offset_of,
    reshape,
    shape_of,
    size_bytes_of,
    stride_of,
    to,
    to_contiguous,
    to_numpy,
    tolist,
    untyped_storage,
)

_crc32 = zlib.crc32

NumpyArray = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]
PlaceArray = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.intp]]

DTYPES = {
    getattr(torch, name): name
    for name in [
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "complex128",
        "complex64",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
        "uint16",
        "uint32",
        "uint64",
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e4m3fnuz",
        "float8_e5m2fnuz",
    ]
    if hasattr(torch, name)
}
ITEM_BYTES = {dtype: torch.empty(0, dtype=dtype).element_size() for dtype in DTYPES}


# as `struct` calls them; the others are listed by torch
_CODES: dict[torch.dtype, Literal["f", "d", "q", "i", "?"]] = {
    torch.float32: "f",
    torch.float64: "d",
    torch.int64: "q",
    torch.int32: "i",
    torch.bool: "?",
}

# those that numpy has too
_NUMPYS = {dtype: numpy.dtype(name) for dtype, name in DTYPES.items() if hasattr(numpy, name) and not dtype.is_complex}
_sum, _least, _greatest = numpy.add.reduce, numpy.minimum.reduce, numpy.maximum.reduce
_bincount: Any = numpy.bincount
_ROOM = 2**14
_FLOATS, _PLACES = numpy.empty(_ROOM), numpy.empty(_ROOM, numpy.intp)  # for one summary after the other

_STRIDED = torch.strided
COMPLEX = frozenset(dtype for dtype in DTYPES if dtype.is_complex)
BINS = 12  # of a histogram

PLAIN = frozenset([torch.Tensor, torch.nn.Parameter])


def dtype_name(dtype: torch.dtype) -> str:
    """torch's name for it, without `torch.`."""
    return DTYPES.get(dtype) or str(dtype).removeprefix("torch.")


def is_observable(tensor: torch.Tensor) -> bool:
    """Whether it stands over memory that can be read: no sparse, meta, nested or transform-wrapped tensor."""
    if not (
        has_storage(tensor)
        and is_cpu_of(tensor)
        and layout_of(tensor) is _STRIDED
        and dtype_of(tensor) in ITEM_BYTES
        and not is_nested_of(tensor)
    ):
        return False
    # a subclass may only pretend to have memory
    return type(tensor) in PLAIN or not is_the_readers(tensor)


as_tuple: Callable[[torch.Size], tuple[int, ...]] = lru_cache(1_024)(tuple)  # one for all tensors of a shape


def extent_of(tensor: torch.Tensor) -> int:
    """How many elements of its storage lie between its first and its last, both included."""
    if not numel(tensor):
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(shape_of(tensor), stride_of(tensor), strict=True))


def is_within(tensor: torch.Tensor, elements: int) -> bool:
    """Whether its storage still has as many `elements` from its first: it may have been resized under it."""
    last = (offset_of(tensor) + elements) * ITEM_BYTES[dtype_of(tensor)]
    return not elements or last <= size_bytes_of(untyped_storage(tensor))


def sizes_of(tensor: torch.Tensor) -> tuple[int, ...]:
    """Its shape; -1 for a size that differs within a nested tensor."""
    if is_nested_of(tensor):
        return (-1,) * tensor.dim()
    return tuple(size if type(size) is int else -1 for size in shape_of(tensor))


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
        """What each of `gradients` holds now, of large ones only the shape; None where that cannot be read.

        Their storages are not asked for: one that Python has seen is no longer added to in place.
        """
        taken: list[Snapshot | None] = []
        for tensor in gradients:
            if tensor is None or not is_observable(tensor):
                taken.append(None)
                continue
            dtype, extent, stride = dtype_of(tensor), numel(tensor), None
            shape = as_tuple(shape_of(tensor))
            contiguous = is_contiguous(tensor)
            if not contiguous or dtype in COMPLEX:
                tensor, stride, extent = _unscattered(tensor, contiguous=contiguous)
            size_bytes = extent * ITEM_BYTES[dtype]
            if size_bytes > budget.SNAPSHOT_BYTES:
                taken.append(Snapshot(None, shape, stride, dtype))
                continue
            block = memory_at(data_ptr(tensor), size_bytes).tobytes()
            snapshot = Snapshot(block, shape, stride, dtype)
            taken.append(snapshot)
            self._bytes += size_bytes
            if self._bytes > budget.BEGINNING_BYTES:
                self._kept.append(snapshot)
        if self._bytes > budget.SNAPSHOTS_BYTES:
            self._forget()
        return tuple(taken)

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


def fresh(tensor: torch.Tensor) -> torch.Tensor:
    """A plain tensor with the shape and contents of `tensor`, over a copy of its bytes: none of its history or kind."""
    dtype, elements = dtype_of(tensor), extent_of(tensor)
    copy = listed(data_ptr(tensor), elements, dtype)
    copy = as_strided(copy, shape_of(tensor), stride_of(tensor)) if elements else reshape(copy, shape_of(tensor))
    if dtype.is_complex and is_conj(tensor):
        copy = conj_physical(copy)
    return neg(copy) if is_neg(tensor) else copy


def listed(first: int, elements: int, dtype: torch.dtype) -> torch.Tensor:
    """A new tensor of one dimension with what lies at the address `first`."""
    if not elements:
        return torch.empty(0, dtype=dtype)
    return frombuffer(bytearray(memory_at(first, elements * ITEM_BYTES[dtype])), dtype=dtype)


class Listing:
    """Turns contents into Values, within a budget of listed numbers."""

    def __init__(self, scalars: int = budget.SCALARS, summaries: int = budget.SUMMARIES) -> None:
        self._scalars, self._summaries = scalars, summaries
        self._shapes: dict[tuple[tuple[int, ...], torch.dtype], Values] = {}
        self.unlisted = 0

    def of_snapshots(self, snapshots: tuple[Snapshot | None, ...]) -> tuple[Values | None, ...]:
        """As `of_snapshot`, of each."""
        return tuple([None if snapshot is None else self.of_snapshot(snapshot) for snapshot in snapshots])

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


def scalars(numbers: list[Any]) -> tuple[Scalar, ...]:
    """`numbers`, all of one type, as the Trace writes them."""
    if not numbers or (type(numbers[0]) is not complex and isfinite(sum(numbers))):
        return tuple(numbers)  # infinities and nan outlast a sum, so each is finite
    return tuple(map(scalar, numbers))


def scalar(number: bool | int | float | complex) -> Scalar:
    """`number` as the Trace writes it."""
    if type(number) is float:
        return number if isfinite(number) else "nan" if isnan(number) else "inf" if number > 0 else "-inf"
    if isinstance(number, complex):
        real, imag = scalar(number.real), scalar(number.imag)
        if isinstance(real, tuple) or isinstance(imag, tuple):
            raise TypeError(number)
        return real, imag
    return number


def summary(tensor: torch.Tensor) -> Summary | None:
    """Minimum, maximum and mean of the finite elements; None for complex and very large ones."""
    if dtype_of(tensor).is_complex or numel(tensor) > budget.SUMMARISED_ELEMENTS:
        return None
    return _summary_of(to_numpy(reshape(to(fresh(tensor), torch.float64), (-1,))))


def summary_at(first: int, elements: int, dtype: torch.dtype) -> Summary | None:
    """The same of `elements` that lie at the address `first`, in numpy alone where it knows their type."""
    if not elements or elements > budget.SUMMARISED_ELEMENTS or dtype not in _NUMPYS:
        return summary(listed(first, elements, dtype))
    numbers = numpy.frombuffer(memory_at(first, elements * ITEM_BYTES[dtype]), _NUMPYS[dtype])
    if elements <= _ROOM:
        found = _summary_of_finite(numbers)
        if found is not None:
            return found
    return _summary_of(numbers.astype(numpy.float64))


def _summary_of_finite(numbers: NumpyArray) -> Summary | None:
    """As `_summary_of`; None where not every element is finite.

    Works in the same two arrays each time: new ones would be as many bytes to fetch as all else together.
    """
    elements = numbers.size
    flat, places = _FLOATS[:elements], _PLACES[:elements]
    with numpy.errstate(all="ignore"):
        flat[:] = numbers
        total = _sum(flat)
        if not isfinite(total):
            return None
        low, high = float(_least(numbers)), float(_greatest(numbers))
        bins: tuple[int, ...] = ()
        scale = BINS / (high - low) if high != low else 0.0
        if high == low:
            bins = (elements, *[0] * (BINS - 1))
        elif scale and isfinite(scale):
            flat -= low
            flat *= scale
            places[:] = flat
            bins = _binned(places)
    mean = scalar(float(total / elements))
    return Summary(min=low, max=high, mean=mean, zeros=int(numpy.count_nonzero(numbers == 0)), not_finite=0, bins=bins)


def _summary_of(flat: NumpyArray) -> Summary:
    with numpy.errstate(all="ignore"):
        total = _sum(flat)  # finite only where every element is
        finite = flat if flat.size and isfinite(total) else flat[numpy.isfinite(flat)]
        low = high = mean = None
        if finite.size:
            if finite is not flat:
                total = _sum(finite)
            low, high, mean = float(_least(finite)), float(_greatest(finite)), scalar(float(total / finite.size))
    return Summary(
        min=low,
        max=high,
        mean=mean,
        zeros=int(numpy.count_nonzero(flat == 0)),
        not_finite=flat.size - finite.size,
        bins=_bins(finite, low, high) if low is not None and high is not None else (),
    )


def _bins(finite: NumpyArray, low: float, high: float) -> tuple[int, ...]:
    """A histogram from `low` to `high`."""
    if high == low:
        return (finite.size, *[0] * (BINS - 1))
    scale = BINS / (high - low)
    if not scale or not isfinite(scale):  # too far apart for a float, or too near
        return ()
    return _binned(((finite - low) * scale).astype(numpy.intp))


def _binned(places: PlaceArray) -> tuple[int, ...]:
    """How many of `places` are in each bin."""
    counts = _bincount(places, minlength=BINS + 1).tolist()
    counts[BINS - 1] += counts.pop()  # the greatest is in the last bin, not beyond it
    return tuple(counts)
