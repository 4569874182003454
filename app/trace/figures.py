"""Numbers and shapes in words: as every drawing, table and sentence writes them."""

import math
from collections.abc import Sequence

from app.trace.model import Scalar

DIGITS = 4  # significant

_WORDS = {"nan": "nan", "inf": "∞", "-inf": "−∞"}
_PLAIN = (1e-4, 1e6)  # numbers in between are written without an exponent


def number(value: Scalar, digits: int = DIGITS, decimals: int | None = None) -> str:
    """`value` with a true minus sign, in at most `digits` significant digits, or with `decimals` after the point."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return _WORDS[value]
    if isinstance(value, tuple):
        real, imaginary = (number(part, digits) for part in value)
        return f"{real}{'' if imaginary.startswith('−') else '+'}{imaginary}j"
    if isinstance(value, float) and not math.isfinite(value):
        return number("nan" if value != value else "inf" if value > 0 else "-inf")
    if decimals is not None and value:
        return f"{value:.{decimals}f}".replace("-", "−")
    if isinstance(value, int) and abs(value) < _PLAIN[1]:
        return str(value).replace("-", "−")
    if value == 0:
        return "0"
    low, high = _PLAIN
    if not low <= abs(value) < high:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        shortened = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{shortened}e{int(exponent)}".replace("-", "−")
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{places}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def numbers(values: Sequence[Scalar], digits: int = DIGITS) -> list[str]:
    """Each of `values`, all with the same decimals where that costs none of them its digits."""
    decimals = _common_decimals(values, digits)
    return [number(value, digits, decimals) for value in values]


def exact(value: Scalar) -> str:
    """`value` with every digit that it has."""
    if isinstance(value, str):
        return _WORDS[value]
    if isinstance(value, tuple):
        return number(value, 17)
    return str(value).replace("-", "−")


def shape_words(shape: Sequence[int]) -> str:
    """The shape as the product that it is: `3`, `2 × 3`, `scalar`."""
    return " × ".join(map(str, shape)) or "scalar"


def _common_decimals(values: Sequence[Scalar], digits: int) -> int | None:
    """How many decimals suit all; None where the smallest would lose its digits, or all are whole."""
    sizes = [abs(value) for value in values if isinstance(value, float) and value and math.isfinite(value)]
    if not sizes or all(size.is_integer() for size in sizes):
        return None
    low, high = min(sizes), max(sizes)
    if low < high / 50 or low < _PLAIN[0] or high >= _PLAIN[1]:
        return None
    needed = max(len(number(size, digits).partition(".")[2]) for size in sizes)
    return min(needed, max(digits - 1 - math.floor(math.log10(high)), 0))
