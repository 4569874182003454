"""Numbers as the Trace writes them."""

from math import isfinite, isnan
from typing import Any

from app.trace.model import Scalar


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
