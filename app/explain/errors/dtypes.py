"""Dtypes that an operator does not take, or does not take together."""

import re

from app.explain.errors.explanation import Explanation, Failure, code

_INTEGERS = frozenset(["int64", "int32", "int16", "int8", "uint8", "bool"])
_SAID = (
    "same dtype", "expected scalar type", "not implemented for", "could not infer output dtype", "scalar types",
    "can't be cast to the desired output type", "bool tensor", "expected target dtype", "Expected dtype",
    "should be the same", "must have same dtype", "must be floating", "floating point", "expected to be in", "dtype",
)  # fmt: skip
_MIXING = ("same dtype", "expected scalar type", "should be the same", "must have same dtype", "Expected dtype")
_CAST = re.compile(r"result type (\w+) can't be cast to the desired output type (\w+)")


def explain(failure: Failure) -> Explanation | None:
    """By the dtypes that the operator took."""
    if not failure.tensors or not any(words in failure.message for words in _SAID):
        return None
    first = failure.tensors[0].dtype
    if _CAST.search(failure.message):
        return failure.explained(
            "dtype",
            f"{failure.name(0)} is of `{first}` and cannot hold the result",
            f"{failure.written} on line {failure.line} writes into {failure.typed(0)}. The result is of another, "
            "wider kind, "
            "and an operator in place does not change what it writes into.",
            "Write it out of place, as in `a = a + b`, or make the tensor floating with `.float()` first.",
        )
    if failure.op in ("sub", "sub_", "rsub", "__sub__", "__rsub__") and "bool tensor" in failure.message:
        return failure.explained(
            "dtype",
            "Truth values have no difference",
            f"{failure.written} on line {failure.line} subtracts {failure.typed(0)}.",
            "`^` says where two of them differ, and `~` turns one round. `.int()` makes numbers of them.",
        )
    if failure.op == "embedding" or ("scalar types" in failure.message and "indices" in failure.message):
        return failure.explained(
            "dtype",
            f"{failure.name(0)} is of `{first}`, and indices are integers",
            f"{failure.written} on line {failure.line} looks rows up by their number. {failure.typed(0)} holds no "
            "numbers of "
            "rows.",
            f"`.long()` on {failure.name(0)}, or make it of integers.",
        )
    other = next((at for at, tensor in enumerate(failure.tensors) if tensor.dtype != first), None)
    if other is not None and any(words in failure.message for words in _MIXING):
        return failure.explained(
            "dtype",
            f"{failure.name(0)} and {failure.name(other)} are of different dtypes",
            f"{failure.written} on line {failure.line} takes {failure.typed(0)} and {failure.typed(other)}. This "
            "operator does "
            "not convert one to the other.",
            f"`.to({failure.name(other).strip('`')}.dtype)` on {failure.name(0)}, or make both alike where they "
            "are made.",
        )
    if first in _INTEGERS:
        return failure.explained(
            "dtype",
            f"{failure.name(0)} is of `{first}`, and this needs floating numbers",
            f"{failure.written} on line {failure.line} is not defined for {failure.typed(0)}.",
            "`.float()` on it, or make it of floating numbers: `1.` instead of `1`.",
        )
    return failure.explained(
        "dtype",
        f"{code(failure.op)} does not take {code(first)}",
        f"{failure.written} on line {failure.line} was handed {failure.typed(0)}.",
        "torch's message says which dtypes it takes. `.to(...)` converts to one of them.",
    )
