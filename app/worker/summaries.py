"""Of contents too many to list: their range, their mean, a histogram."""

from math import isfinite
from typing import Any

import numpy
import torch

from app.trace.model import Summary
from app.worker import budget
from app.worker.bound import (
    dtype_of,
    memory_at,
    numel,
    reshape,
    to,
    to_numpy,
)
from app.worker.contents import DTYPES, ITEM_BYTES, fresh, listed
from app.worker.numbers import scalar

NumpyArray = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]
PlaceArray = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.intp]]

# those that numpy has too
_NUMPYS = {dtype: numpy.dtype(name) for dtype, name in DTYPES.items() if hasattr(numpy, name) and not dtype.is_complex}
_sum, _least, _greatest = numpy.add.reduce, numpy.minimum.reduce, numpy.maximum.reduce
_bincount: Any = numpy.bincount
_ROOM = 2**14
_FLOATS, _PLACES = numpy.empty(_ROOM), numpy.empty(_ROOM, numpy.intp)  # for one summary after the other

BINS = 12  # of a histogram


def summary(tensor: torch.Tensor) -> Summary | None:
    """Minimum, maximum and mean of the finite elements; None for complex and very large ones."""
    if dtype_of(tensor).is_complex or numel(tensor) > budget.SUMMARISED_ELEMENTS:
        return None
    return _summary_of(to_numpy(reshape(to(fresh(tensor), torch.float64), (-1,))))


def summary_at(first: int, elements: int, dtype: torch.dtype) -> Summary | None:
    """The same of `elements` that lie at the address `first`, in numpy alone where it knows their type."""
    if not elements or elements > budget.SUMMARISED_ELEMENTS or dtype not in _NUMPYS:
        return summary(listed(first, elements, dtype))
    return summary_of(memory_at(first, elements * ITEM_BYTES[dtype]), dtype)


def can_wait(elements: int, dtype: torch.dtype) -> bool:
    """Whether a copy of so many is small enough to be kept for `summary_of` to take later."""
    return 0 < elements <= _ROOM and dtype in _NUMPYS


def summary_of(block: bytes | memoryview, dtype: torch.dtype) -> Summary:
    """The same of the bytes of elements of a type that numpy knows."""
    numbers = numpy.frombuffer(block, _NUMPYS[dtype])
    if numbers.size <= _ROOM:
        found = _summary_of_finite(numbers)
        if found is not None:
            return found
    return _summary_of(numbers)


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


def _summary_of(numbers: NumpyArray) -> Summary:
    with numpy.errstate(all="ignore"):  # numpy warns where it casts nan that came about by chance, in unwritten memory
        flat = numbers.astype(numpy.float64, copy=False)
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
