"""Matrix products whose inner sizes differ."""

from app.explain.errors.explanation import Explanation, Failure
from app.trace.model import Dims, Tensor

_PRODUCTS = frozenset(
    ["matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "mv", "dot", "inner", "vdot", "addmm", "baddbmm"]
)
_FLOATS = frozenset(["float32", "float64", "float16", "bfloat16", "complex64", "complex128"])


def explain(failure: Failure) -> Explanation | None:
    """By the inner sizes of what the operator took."""
    if failure.op == "linear" and len(failure.tensors) >= 2:
        return _of_linear(failure, *failure.tensors[:2])
    if failure.op not in _PRODUCTS or len(failure.tensors) < 2:
        return None
    one, other = failure.tensors[-2:]
    if one.dtype != other.dtype:
        return None
    inner = (one.shape[-1] if one.shape else None, _rows(other.shape))
    if inner[0] is None or inner[1] is None:
        return _of_scalar(failure)
    if inner[0] == inner[1]:
        return _of_batches(failure)
    return failure.explained(
        "matrix-product",
        f"{failure.name(-2)} and {failure.name(-1)} cannot be multiplied",
        f"{failure.written} on line {failure.line} multiplies {failure.shaped(-2)} by {failure.shaped(-1)}. "
        f"The last size of the first must be the {'only' if len(other.shape) == 1 else 'second last'} size of the "
        "second: "
        f"{inner[0]} is not {inner[1]}.",
        _advice(one.shape, other.shape),
    )


def _rows(sizes: Dims) -> int | None:
    return None if not sizes else sizes[-2] if len(sizes) > 1 else sizes[0]


def _of_scalar(failure: Failure) -> Explanation:
    scalar = -2 if not failure.tensors[-2].shape else -1
    return failure.explained(
        "matrix-product",
        f"{failure.name(scalar)} has no dimension to multiply along",
        f"{failure.written} on line {failure.line} is a matrix product, and {failure.name(scalar)} is a scalar.",
        "`*` multiplies by a scalar.",
    )


def _of_batches(failure: Failure) -> Explanation:
    return failure.explained(
        "matrix-product",
        f"{failure.name(-2)} and {failure.name(-1)} cannot be multiplied",
        f"{failure.written} on line {failure.line} multiplies {failure.shaped(-2)} by {failure.shaped(-1)}. Their "
        "inner "
        "sizes fit. How many dimensions they have, or the sizes before the last two, do not.",
        "`matmul`, or `@`, broadcasts the dimensions before the last two; `mm` takes two matrices and `bmm` two "
        "batches.",
    )


def _of_linear(failure: Failure, given: Tensor, weight: Tensor) -> Explanation | None:
    if not given.shape or not weight.shape or given.shape[-1] == weight.shape[-1] or given.dtype != weight.dtype:
        return None
    outputs = weight.shape[0] if len(weight.shape) > 1 else 1
    return failure.explained(
        "linear",
        f"{failure.name(0)} has {given.shape[-1]} features, and the layer takes {weight.shape[-1]}",
        f"{failure.written} on line {failure.line} hands {failure.shaped(0)} to a linear layer that was made to take "
        f"{weight.shape[-1]} features and to give {outputs}. Features stand in the last dimension, which has "
        f"{given.shape[-1]}.",
        _of_layer(given.shape, weight.shape[-1]),
    )


def _of_layer(given: Dims, wanted: int) -> str:
    total = 1
    for size in given[1:]:
        total *= size
    if len(given) > 2 and total == wanted:
        return "`.flatten(1)` before the layer makes one dimension of all but the first."
    return f"Make the layer with `in_features={given[-1]}`, or hand it something whose last size is {wanted}."


def _advice(one: Dims, other: Dims) -> str:
    if len(other) > 1 and one[-1] == other[-1]:
        return "The second one transposed fits: `.mT`."
    if len(one) > 1 and one[-2] == _rows(other):
        return "The first one transposed fits: `.mT`."
    return "`*` multiplies element by element; `@` takes rows of the first by columns of the second."
