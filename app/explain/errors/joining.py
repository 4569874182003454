"""`cat` and `stack`: tensors that are to become one, and do not fit."""

from app.explain.errors.explanation import Explanation, Failure, shape

_JOINS = frozenset(["cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack"])


def explain(failure: Failure) -> Explanation | None:
    """By the shapes in the list."""
    if failure.op not in _JOINS or len(failure.tensors) < 2:
        return None
    first = failure.tensors[0].shape
    other = next((at for at, tensor in enumerate(failure.tensors) if tensor.shape != first), None)
    if other is None or "dimension out of range" in failure.message.lower():
        return None
    both = f"{failure.shaped(0)} and {failure.shaped(other)}"
    if failure.op == "stack":
        cause = f"{failure.written} on line {failure.line} makes a new dimension of {both}. All must have one shape."
        look = "`torch.cat` joins along a dimension that is there, and that may differ in size."
    elif len(first) != len(failure.tensors[other].shape):
        cause = f"{failure.written} on line {failure.line} joins {both}. They do not have as many dimensions."
        look = "`.unsqueeze(0)` gives the smaller one a dimension of size 1 in front."
    else:
        cause = (
            f"{failure.written} on line {failure.line} joins {both}. Along all dimensions but the one that is "
            "joined they "
            "must have the same sizes."
        )
        look = _dimension(failure, other)
    return failure.explained("joining", f"{failure.name(0)} and {failure.name(other)} cannot be joined", cause, look)


def _dimension(failure: Failure, other: int) -> str:
    pairs = list(zip(failure.tensors[0].shape, failure.tensors[other].shape, strict=True))
    differing = [at for at, (one, two) in enumerate(pairs) if one != two]
    if len(differing) == 1:
        return f"They differ in dimension {differing[0]} alone: `dim={differing[0]}` joins them there."
    return (
        f"They differ in dimensions {differing}: {shape(failure.tensors[other].shape)} fits nowhere. Look at "
        "how it was made."
    )
