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
    grads = {
        name: value.grad.flatten().tolist()
        for name, value in namespace.items()
        if isinstance(value, torch.Tensor) and value.is_leaf and value.grad is not None and not value.grad.is_sparse
    }
    return {"error": error, "grads": grads}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    json.dump([run(source) for source in json.load(sys.stdin)], sys.stdout)
