"""The reference run: the same snippet, with every saved tensor cloned when it is saved.

Its gradients are those that the recorded graph stands for. The hooks that clone switch torch's
version check off, which is why this is a run of its own and never the observed one.
"""

from types import CodeType

import torch

from app.trace.model import Outcome, Reference
from app.trace.wire import Request
from app.worker.bound import Unobserved, grad_of, is_leaf_of, leave_modes, retains_grad_of
from app.worker.listing import Listing
from app.worker.names import final_tensors
from app.worker.output import Output
from app.worker.run import compile_plainly, compiled, outcome_of
from app.worker.script import as_main, main_module


def run_reference(request: Request) -> Reference:
    """Run the snippet with intact saved tensors; its gradients by the names of `Trace.final`."""
    main = main_module()
    output = Output("<stdout>", request.output_bytes, _ignore)

    def run(code: CodeType) -> None:
        with torch.autograd.graph.saved_tensors_hooks(keep, give_back):
            exec(code, main.__dict__)  # noqa: S102  # the process is jailed

    with as_main(main, output, output) as exit_functions:
        code = compiled(request.source, compile_plainly)
        outcome = code if isinstance(code, Outcome) else outcome_of(run, code, exit_functions)
    leave_modes()
    listing = Listing()
    grads = {}
    with Unobserved(), torch.inference_mode(mode=False), torch.no_grad():
        for name, tensor in final_tensors(main.__dict__):
            grad = grad_of(tensor) if is_leaf_of(tensor) or retains_grad_of(tensor) else None
            grads[name] = None if grad is None else listing.of_tensor(grad)
    return Reference(outcome=outcome, grads=grads)


def _ignore() -> None:
    """The observed run said already that the output was cut."""


def keep(tensor: torch.Tensor) -> torch.Tensor:
    """What a hook packs: the values as they are now."""
    return tensor.detach().clone()


def give_back(tensor: torch.Tensor) -> torch.Tensor:
    """What a hook unpacks: the values as they were then."""
    return tensor
