"""What is noted of optimizers, of refused attributes and of checkpoints shows nowhere."""
import inspect
import traceback

import torch
from torch.utils.checkpoint import checkpoint

w = torch.ones(2, requires_grad=True)
twice = torch.optim.SGD([w, w], lr=0.1)  # warns
twice.add_param_group({"params": (p for p in [torch.zeros(1, requires_grad=True)]), "lr": 0.2})
print([len(group["params"]) for group in twice.param_groups])


class Own(torch.optim.SGD):
    def add_param_group(self, param_group):
        print("own", sorted(param_group))
        super().add_param_group(param_group)


own = Own([("name", w)], lr=0.1)
for wrong in ([w * 2], w, {w}, [1]):
    try:
        torch.optim.SGD(wrong, lr=0.1)
    except Exception:
        print(traceback.format_exc().splitlines()[-1])
print(inspect.signature(torch.optim.Optimizer.add_param_group), torch.optim.SGD.add_param_group.__name__)
for code in ("(w * 2).requires_grad = False", "torch.arange(2).requires_grad = True", "w.requires_grad = 1"):
    try:
        exec(code)
    except Exception as error:
        print(type(error), error)
net = torch.nn.Linear(2, 1)
y = checkpoint(net, torch.ones(1, 2), use_reentrant=True)  # warns
print(y.requires_grad, checkpoint(net, torch.ones(1, 2).requires_grad_(), use_reentrant=True).requires_grad)
s = w.sum().item()
out = (w * s * 1.5 * (s / 2)).sum()
out.backward()
