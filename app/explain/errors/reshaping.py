"""`view`, `reshape`, `expand` and their kin: shapes that the elements do not fill."""

import re
from math import prod

from app.explain.errors.explanation import Explanation, Failure, shape

_RESHAPES = frozenset(["view", "reshape", "unflatten", "view_as", "reshape_as"])
_EXPANDS = frozenset(["expand", "expand_as", "broadcast_to"])
# a snippet can have torch say anything: sizes as torch writes them, and no more than a tensor has
_INVALID = re.compile(r"shape '\[((?:-?\d{1,19}, ){0,24}(?:-?\d{1,19})?)\]' is invalid for input of size (\d{1,19})")
_PERMUTES = frozenset(["permute", "transpose", "squeeze", "unsqueeze", "movedim", "flatten"])


def explain(failure: Failure) -> Explanation | None:
    """By how many elements there are, and how many were asked for: that stands in torch's text alone."""
    if not failure.tensors:
        return None
    given = failure.tensors[0].shape
    if failure.op in _RESHAPES and "not compatible with input tensor's size and stride" in failure.message:
        return failure.explained(
            "reshaping",
            f"{failure.name(0)} does not lie in memory as `view` needs it",
            f"{failure.written} on line {failure.line} asks for another shape of {failure.shaped(0)} over the same "
            "memory. "
            "Its elements do not lie there in that order: it was transposed, permuted or sliced before.",
            "`.reshape(...)` copies where it must. `.contiguous().view(...)` says the same in two steps.",
        )
    invalid = _INVALID.search(failure.message)
    if failure.op in _RESHAPES and invalid:
        wanted = [int(size) for size in invalid[1].split(",") if size.strip()]
        return failure.explained(
            "reshaping",
            f"{failure.name(0)} has {prod(given)} elements, which do not fill {shape(tuple(wanted))}",
            f"{failure.written} on line {failure.line} asks for the shape {shape(tuple(wanted))} of "
            f"{failure.shaped(0)}. " + _count(wanted, prod(given)),
            "A reshape keeps every element. Write -1 for one size, and torch works it out from the others."
            if -1 not in wanted
            else f"Choose the other sizes so that they divide {prod(given)}.",
        )
    if failure.op in _EXPANDS:
        return failure.explained(
            "reshaping",
            f"{failure.name(0)} cannot be expanded so",
            f"{failure.written} on line {failure.line} expands {failure.shaped(0)}. Only a dimension of size 1 can be "
            "expanded, or a new one in front.",
            "`.unsqueeze()` makes a dimension of size 1; `.repeat()` copies the elements instead.",
        )
    if failure.op in _PERMUTES and "permute(" in failure.message:
        return failure.explained(
            "reshaping",
            f"{failure.name(0)} has {len(given)} dimensions, and other ones are named",
            f"{failure.written} on line {failure.line} must name each dimension of {failure.shaped(0)} once.",
            f"It has the dimensions 0 to {len(given) - 1}.",
        )
    return None


def _count(wanted: list[int], there: int) -> str:
    if -1 in wanted:
        others = prod(size for size in wanted if size != -1)
        return f"Its {there} elements cannot be divided by {others}."
    return f"That takes {prod(wanted)} elements, and there are {there}."
