"""Indices and dimensions that are not there."""

import re

from app.explain.errors.explanation import Explanation, Failure, code, shape

# a snippet can have torch say anything: no number is longer than one of 64 bits
_N = r"(-?\d{1,19})"
_BEYOND = re.compile(rf"index {_N} is out of bounds for (?:dimension|axis) {_N} with size {_N}")
_SELECTED = re.compile(
    rf"index {_N} out of range for tensor of size \[((?:\d{{1,19}}, ){{0,24}}\d{{1,19}})\] at dimension {_N}"
)
_DIMENSION = re.compile(rf"Dimension out of range \(expected to be in range of \[{_N}, {_N}\], but got {_N}\)")
_FROM_ZERO = ("gather", "scatter", "index_select", "index_add", "index_copy", "index_reduce")  # -1 is out of bounds too
_OF_PYTHON = re.compile(r"^(list|tuple|string|range object|pop|deque|bytes)\b.* (?:index|from empty)")


def _beyond(message: str) -> tuple[int, int, int] | None:
    """The index, the dimension and its size, of one that is not there."""
    if found := _BEYOND.search(message):
        index, dimension, size = map(int, found.groups())
        return index, dimension, size
    if found := _SELECTED.search(message):
        sizes, dimension = found[2].split(", "), int(found[3])
        return (int(found[1]), dimension, int(sizes[dimension])) if 0 <= dimension < len(sizes) else None
    return None


def explain(failure: Failure) -> Explanation | None:
    """By what the text says was asked for; the tensor says what there is."""
    if failure.op in ("embedding", "embedding_bag") and failure.error.type == "IndexError" and len(failure.tensors) > 1:
        rows = failure.tensors[1].shape[0]
        return failure.explained(
            "index",
            f"{failure.name(0)} asks for a row that the embedding does not have",
            f"{failure.written} on line {failure.line} looks up rows of {failure.shaped(1)}: their numbers are 0 "
            f"to {rows - 1}. "
            f"{failure.name(0)} holds one that is not among them.",
            f"Make the embedding with more rows (`num_embeddings`), or look at `{failure.name(0).strip('`')}.max()`.",
        )
    if (beyond := _beyond(failure.message)) is not None:
        index, dimension, size = beyond
        ends = f", or from the end from -1 to -{size}" if size else ""
        if failure.op.startswith(_FROM_ZERO):
            ends = f"; {code(failure.op)} does not count from the end"
        return failure.explained(
            "index",
            f"There is no index {index} in dimension {dimension}",
            f"{failure.written} on line {failure.line} asks"
            + (f" {failure.shaped(0)}" if failure.tensors else "")
            + f" for index {index} of dimension {dimension}, which has {size}. They are counted from 0 to {size - 1}"
            f"{ends}.",
            "Look at the last pass of a loop, and at which dimension is meant.",
        )
    dimension_range = _DIMENSION.search(failure.message)
    if dimension_range:
        low, high, asked = dimension_range.groups()
        return failure.explained(
            "index",
            f"There is no dimension {asked}",
            f"{failure.written} on line {failure.line} names dimension {asked}"
            + (f" of {failure.shaped(0)}" if failure.tensors else "")
            + f". Its dimensions are {low} to {high}.",
            "Dimensions are counted from 0, and from the end from -1.",
        )
    if failure.op in ("__getitem__", "__setitem__") and failure.tensors:
        found = _of_brackets(failure)
        if found is not None:
            return found
    if "too many indices" in failure.message and failure.tensors:
        return failure.explained(
            "index",
            f"{failure.name(0)} has {len(failure.tensors[0].shape)} dimensions, and more are indexed",
            f"{failure.written} on line {failure.line} has more indices than {failure.shaped(0)} has dimensions.",
            f"Its shape is {shape(failure.tensors[0].shape)}: one index for each size.",
        )
    if failure.error.type == "IndexError" and _OF_PYTHON.match(failure.message):
        what = failure.message.split()[0]
        return failure.explained(
            "index",
            f"The {'list' if what == 'pop' else what} is shorter than that",
            f"Line {failure.line}, {code(failure.text.strip())}, asks for a place that is not there.",
            "Places are counted from 0: the last is `len(...) - 1`, or -1.",
        )
    return None


def _of_brackets(failure: Failure) -> Explanation | None:
    """What stands between brackets and is no index."""
    if "shape of the mask" in failure.message:
        return failure.explained(
            "index",
            "The mask has another shape than what it chooses from",
            f"{failure.written} on line {failure.line} chooses from {failure.shaped(0)} by a mask"
            + (f", {failure.shaped(-1)}" if len(failure.tensors) > 1 else "")
            + ". A mask has a truth value for each place.",
            "Make the mask from the tensor itself, as in `a[a > 0]`.",
        )
    if "tensors used as indices must be" in failure.message and len(failure.tensors) > 1:
        return failure.explained(
            "index",
            f"{failure.name(-1)} is of `{failure.tensors[-1].dtype}`, and indices are integers",
            f"{failure.written} on line {failure.line} takes places by {failure.typed(-1)}.",
            f"`.long()` on {failure.name(-1)}, or make it of integers.",
        )
    if "valid indices" in failure.message or "invalid data type" in failure.message:
        return failure.explained(
            "index",
            "That is no index",
            f"{failure.written} on line {failure.line}: a tensor takes integers, slices, None, `...` and tensors "
            "of integers "
            "or truth values between its brackets.",
            "`int(...)` or `//` makes an integer. Names, as a dict has them, a tensor does not have.",
        )
    return None
