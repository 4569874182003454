"""Cells as bytes, and back: how contents of memory cross the process boundary."""

import struct

from app.trace.model import Finite, Packing, Scalar

_SIZES: dict[Packing, int] = {
    "f": 4, "d": 8, "e": 2, "q": 8, "i": 4, "h": 2, "b": 1, "B": 1, "H": 2, "I": 4, "Q": 8, "?": 1, "F": 8, "D": 16,
}  # fmt: skip


def is_packed(cells: bytes, packing: Packing) -> bool:
    """Whether `cells` are whole numbers packed that way."""
    return len(cells) % _SIZES[packing] == 0 if packing in _SIZES else not cells


def size_of(packing: Packing) -> int:
    """Of one cell, in bytes; 1 where there is no packing."""
    return _SIZES.get(packing, 1)


def unpack(cells: bytes, packing: Packing) -> list[Scalar]:
    """The numbers in `cells`, as `Tensor.tolist()` gives them."""
    size = _SIZES.get(packing)
    if not size or not cells:
        return []
    if packing in ("F", "D"):
        flat = struct.unpack(f"<{2 * (len(cells) // size)}{packing.lower()}", cells)
        return [(scalar(real), scalar(imag)) for real, imag in zip(flat[::2], flat[1::2], strict=True)]
    return [scalar(value) for value in struct.unpack(f"<{len(cells) // size}{packing}", cells)]


def scalar(number: float) -> Finite:
    """`number` as the Trace writes it."""
    if number != number:  # the only number that is not itself
        return "nan"
    return "inf" if number == float("inf") else "-inf" if number == float("-inf") else number
