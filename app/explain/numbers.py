"""Questions about the numbers of a gradient, as far as the Trace lists them."""

from collections.abc import Iterator, Sequence
from math import isclose

from app.trace.model import Backward, Scalar, Trace, Values


def has_non_finite(values: Values | None) -> bool:
    """Whether any element is known to be NaN or infinite."""
    if values is None:
        return False
    if values.flat is None:
        return values.summary is not None and values.summary.not_finite > 0
    kinds = set(map(type, values.flat))
    return str in kinds or (tuple in kinds and any(str in map(type, pair) for pair in _pairs(values.flat)))


def has_nan(values: Values | None) -> bool:
    """Whether any element that is listed is NaN."""
    return values is not None and values.flat is not None and "nan" in values.flat


def is_zero(values: Values | None) -> bool:
    """Whether every element is known to be 0."""
    if values is None:
        return False
    if values.flat is None:
        return values.summary is not None and (values.summary.min, values.summary.max) == (0, 0)
    return not any(values.flat) if tuple not in set(map(type, values.flat)) else False


def is_known(values: Values | None) -> bool:
    """Whether its elements are listed."""
    return values is not None and values.flat is not None


def _pairs(flat: Sequence[Scalar]) -> Iterator[tuple[object, ...]]:
    return (pair for pair in flat if isinstance(pair, tuple))


def same(one: Values, other: Values) -> bool | None:
    """Whether both hold the same numbers, but for rounding; None where that cannot be told."""
    if one.flat is None or other.flat is None or one.shape != other.shape or one.dtype != other.dtype:
        return None
    relative = 1e-2 if one.dtype in ("float16", "bfloat16") else 1e-5
    for mine, others in zip(one.flat, other.flat, strict=True):
        if mine == others:
            continue
        if isinstance(mine, str | tuple) or isinstance(others, str | tuple):
            return False
        if not isclose(mine, others, rel_tol=relative, abs_tol=1e-7):
            return False
    return True


def arrived(trace: Trace, backward: Backward, at: int) -> dict[int, Values]:
    """For each input of the node that ran at index `at`: the sum of what nodes before it sent there, where listed."""
    node = backward.fired[at].node
    sums: dict[int, Values | None] = {}
    for fired in backward.fired[:at]:
        for edge, sent in zip(trace.nodes[fired.node].inputs, fired.grad_inputs, strict=False):
            if edge is not None and edge.node == node and sent is not None:
                sums[edge.index] = _plus(sums[edge.index], sent) if edge.index in sums else sent
    return {index: values for index, values in sums.items() if values is not None}


def _plus(one: Values | None, other: Values) -> Values | None:
    if one is None or one.flat is None or other.flat is None or one.shape != other.shape:
        return None
    flat = []
    for mine, others in zip(one.flat, other.flat, strict=True):
        if isinstance(mine, str | tuple) or isinstance(others, str | tuple):
            return None
        flat.append(mine + others)
    return Values(shape=one.shape, dtype=one.dtype, flat=tuple(flat))


def few(values: Values | None) -> str:
    """The first elements in words."""
    if values is None or values.flat is None:
        return "other numbers"
    shown = [f"{one:g}" if isinstance(one, float) else str(one) for one in values.flat[:3]]
    return ", ".join(shown) + (", …" if len(values.flat) > 3 else "")
