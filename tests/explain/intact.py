"""The judge of fixes, in plain torch: what a changed snippet does, and the gradient of the one that it mends.

`python -m tests.explain.intact` reads JSON: `fixed`, sources that are run as they are, and `wrong`, sources that are
run with every saved tensor cloned when it is saved. It writes for each what `tests/explain/plain.py` does.
"""

import json
import sys
import warnings

import torch

from tests.explain.plain import run


def run_intact(source: str) -> dict[str, object]:
    """What `source` does where no later write reaches what was saved."""
    with torch.autograd.graph.saved_tensors_hooks(lambda saved: saved.detach().clone(), lambda kept: kept):
        return run(source)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    answers = {
        "fixed": [run(source) for source in asked["fixed"]],
        "wrong": [run_intact(source) for source in asked["wrong"]],
    }
    json.dump(answers, sys.stdout)
