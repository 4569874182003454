"""Two tensors, element by element, whose shapes do not fit."""

from itertools import zip_longest

from app.explain.errors.explanation import Explanation, Failure, shape
from app.trace.model import Dims

_SAID = ("must match the size of tensor", "shape mismatch", "broadcast", "must match the existing size")
_WRITES = "__setitem__"


def explain(failure: Failure) -> Explanation | None:
    """By the shapes that the operator took, read from the right."""
    if len(failure.tensors) < 2 or not any(words in failure.message for words in _SAID):
        return None
    first, second = failure.tensors[0].shape, failure.tensors[-1].shape
    if failure.op == _WRITES:
        return _of_write(failure, second)
    found = clash(first, second)
    if found is None:
        return None
    dimension, one, other = found
    return failure.explained(
        "broadcasting",
        f"The shapes of {failure.name(0)} and {failure.name(-1)} do not fit",
        f"{failure.written} on line {failure.line} goes element by element through {failure.shaped(0)} and "
        f"{failure.shaped(-1)}. Read from the right, two sizes must be equal, or one of them 1. "
        f"Dimension {dimension} has {one} and {other}.",
        _advice(first, second, dimension),
    )


def _of_write(failure: Failure, given: Dims) -> Explanation:
    return failure.explained(
        "broadcasting",
        f"{failure.name(-1)} does not fit where it is written",
        f"Line {failure.line} writes {failure.shaped(-1)} into {failure.written}, a part of {failure.shaped(0)}. "
        "What is written must have the shape of that part, or broadcast to it.",
        f"Print `.shape` of {failure.written} before line {failure.line}, and compare it with {shape(given)}.",
    )


def clash(first: Dims, second: Dims) -> tuple[int, int, int] | None:
    """The last dimension, counted from the end, in which two shapes do not broadcast, and both sizes."""
    for place, (one, other) in enumerate(zip_longest(reversed(first), reversed(second), fillvalue=1), start=1):
        if one != other and 1 not in (one, other):
            return -place, one, other
    return None


def _advice(first: Dims, second: Dims, dimension: int) -> str:
    if sorted(first) == sorted(second) and len(first) > 1:
        return (
            "Both have the same sizes in another order. `.transpose()` or `.permute()` on one of them makes them fit."
        )
    shorter = min(first, second, key=len)
    if len(first) != len(second) and shorter and shorter[0] in max(first, second, key=len):
        return (
            "The shorter one lines up with the last dimensions. `.unsqueeze(-1)` on it lines it up with earlier ones."
        )
    return f"Look at where their sizes in dimension {dimension} come from. One of the two is not what you mean."
