"""The reference run: the same snippet, with every saved tensor cloned when it is saved.

Its gradients are those that the recorded graph stands for. The hooks that clone switch torch's
version check off, which is why this is a run of its own and never the observed one.
"""

import builtins
from types import ModuleType

import torch

from app.trace.model import Outcome, Reference
from app.trace.wire import Request
from app.worker.bound import grad_of, is_leaf_of, retains_grad_of
from app.worker.contents import Listing
from app.worker.names import final_tensors
from app.worker.output import Output
from app.worker.run import as_main, compile_plainly, compiled, outcome_of


def run_reference(request: Request) -> Reference:
    """Run the snippet with intact saved tensors; its gradients by the names of `Trace.final`."""
    code = compiled(request.source, compile_plainly)
    if isinstance(code, Outcome):
        return Reference(outcome=code, grads={})
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    output = Output(request.output_bytes, _ignore)

    def run() -> None:
        with torch.autograd.graph.saved_tensors_hooks(_keep, _give_back):
            exec(code, main.__dict__)  # noqa: S102  # the process is jailed

    with as_main(main, output, output) as at_exit:
        outcome = outcome_of(run, at_exit)
    listing = Listing()
    grads = {}
    with torch.no_grad():
        for name, tensor in final_tensors(main.__dict__):
            grad = grad_of(tensor) if is_leaf_of(tensor) or retains_grad_of(tensor) else None
            grads[name] = None if grad is None else listing.of_tensor(grad)
    return Reference(outcome=outcome, grads=grads)


def _ignore() -> None:
    """The observed run said already that the output was cut."""


def _keep(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone()


def _give_back(tensor: torch.Tensor) -> torch.Tensor:
    return tensor
