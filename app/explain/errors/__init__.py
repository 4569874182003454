"""Errors that are not autograd's: the first kind that recognises one explains it. One kind a file.

Evidence is what the operator took: shapes, dtypes, names. torch's text is read where it took no tensors, or where the
sizes that were asked for stand nowhere else.
"""

import re
from collections.abc import Sequence

from app.explain.diagnosis import Diagnosis
from app.explain.errors import (
    broadcasting,
    calls,
    conversions,
    convolution,
    devices,
    dtypes,
    indices,
    joining,
    losses,
    modules,
    names,
    normalising,
    optimizers,
    products,
    reshaping,
    values,
)
from app.explain.errors.explanation import Explain, Explanation, Failure
from app.trace.model import Trace

KINDS: tuple[Explain, ...] = (
    devices.explain,
    optimizers.explain,
    modules.explain,
    names.explain,
    calls.explain,
    conversions.explain,
    indices.explain,
    joining.explain,
    reshaping.explain,
    losses.explain,
    products.explain,
    convolution.explain,
    normalising.explain,
    broadcasting.explain,
    dtypes.explain,
    values.explain,
)

_OF_AUTOGRAD = frozenset(
    ["backward", "grad", "numpy", "__array__", "requires_grad_", ".requires_grad=", ".grad=", "retain_grad"]
)
_AUTOGRAD_SAYS = (
    "require grad", "requires grad", "require gradients", "requires_grad", "leaf Variable", "leaf variable", "non-leaf",
    "graph leaves", "leaf tensors", "is a view and", "grad mode", "modified by an inplace", "Inference tensor",
    "inference tensor", "inference mode", "grad can be", "grad()", "backward", "save_for_backward", "saved tensor",
    "saved_tensors", "grad_fn", "gradient", "autograd", "create_graph", "retain_graph", "allow_unused", "Checkpoint",
    "checkpoint", "single memory location", "hook", "marked as dirty", "mark_non_differentiable", "dual Tensor",
    "materialize_grads",
)  # fmt: skip
_ITS_TYPES = frozenset(["RuntimeError", "ValueError", "TypeError", "NotImplementedError"])
_NOTHING_RAN = frozenset(["SyntaxError", "IndentationError", "TabError"])
_READERS_OWN = re.compile(r"\s*(?:raise|assert)\b")


def explain_error(trace: Trace, source: str, diagnoses: Sequence[Diagnosis] = ()) -> Explanation | None:
    """What the exception that ended the run means; None where there was none, or a rule explains it, or autograd did.

    What the snippet raises itself needs no explanation.
    """
    error = trace.outcome.error
    if trace.outcome.kind != "raised" or error is None or error.line is None or error.type in _NOTHING_RAN:
        return None
    if any(diagnosis.severity == "error" for diagnosis in diagnoses):
        return None
    lines = source.splitlines()
    text = lines[error.line - 1] if 0 < error.line <= len(lines) else ""
    if _READERS_OWN.match(text):
        return None
    failure = Failure(trace, error, error.line, text)
    if _is_autograds(failure):
        return None
    return next(filter(None, (explain(failure) for explain in KINDS)), None)


def _is_autograds(failure: Failure) -> bool:
    """Whether autograd refused something, rather than an operator its arguments or Python a name."""
    if failure.error.type not in _ITS_TYPES or calls.explain(failure) is not None:
        return False
    return failure.op in _OF_AUTOGRAD or any(words in failure.message for words in _AUTOGRAD_SAYS)
