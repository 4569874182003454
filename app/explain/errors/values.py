"""The rest: what the operator took, and where to read on."""

from app.explain.errors.explanation import Explanation, Failure, code

_BUILT_IN = {
    "ZeroDivisionError": (
        "A division by zero",
        "Look at what stands under the line of the fraction. A tensor gives inf instead.",
    ),
    "RecursionError": ("A function calls itself without end", "Look at the case in which it is to stop."),
    "FileNotFoundError": ("There is no such file", "Snippets here run without files. Make the data in the snippet."),
    "PermissionError": ("That is not allowed here", "Snippets here run without files and without network."),
    "StopIteration": ("Nothing is left to take", "`next(iterator, None)` gives None at the end."),
}


def explain(failure: Failure) -> Explanation | None:
    """An operator that refused its arguments, or one of Python's errors that say it all."""
    if failure.error.type in _BUILT_IN:
        title, look = _BUILT_IN[failure.error.type]
        return failure.explained(
            "value", title, f"Line {failure.line}, {code(failure.text.strip())}, is where it happened.", look
        )
    if failure.operation is not None:
        took = [f"{failure.shaped(at)} and {code(tensor.dtype)}" for at, tensor in enumerate(failure.tensors[:3])]
        return failure.explained(
            "value",
            f"{code(failure.op)} refused what it was given",
            f"{failure.written} on line {failure.line} raised it" + (f". It took {'; '.join(took)}." if took else "."),
            "torch's message says which argument it is, and what it may be.",
        )
    if failure.error.type in ("ValueError", "TypeError", "RuntimeError", "IndexError", "AssertionError"):
        return failure.explained(
            "value",
            f"{code(failure.error.type)} on line {failure.line}",
            f"Line {failure.line}, {code(failure.text.strip())}, raised it. No operator of torch's was seen to.",
            "The message says what was refused. Look at the values that this line uses.",
        )
    return None
