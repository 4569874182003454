"""Runs snippets in plain torch, each in a namespace of its own: the judge of what they do.

`python -m tests.explain.plain` reads a JSON list of sources and writes, for each, the exception's text or null, and
the gradients of its named leaves.
"""

import contextlib
import io
import json
import sys
import warnings

import torch


def run(source: str) -> dict[str, object]:
    """What `source` does."""
    torch.manual_seed(0)
    namespace: dict[str, object] = {"__name__": "__main__"}
    error = None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, "<snippet>", "exec"), namespace)  # noqa: S102  # our own test snippets
    except Exception as raised:  # noqa: BLE001  # that is what is asked
        error = f"{type(raised).__name__}: {raised}"
    torch.set_grad_enabled(True)
    tensors = {name: value for name, value in namespace.items() if isinstance(value, torch.Tensor)}
    grads = {name: grad for name, value in tensors.items() if (grad := grad_of(value)) is not None}
    return {"error": error, "grads": grads}


def grad_of(tensor: torch.Tensor) -> list[float] | None:
    """The gradient of a leaf, row-major."""
    try:
        grad = tensor.grad if tensor.is_leaf else None
    except RuntimeError:  # a view whose base was written is not to be asked
        return None
    return None if grad is None or grad.is_sparse else grad.flatten().tolist()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    json.dump([run(source) for source in json.load(sys.stdin)], sys.stdout)
