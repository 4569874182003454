"""Wrong calls of what optimizers have, and what a reader puts in its place."""
import inspect
import traceback

import torch

w = torch.ones(2, requires_grad=True)
own = torch.optim.SGD([w], lr=0.1)
own.param_groups[0]["params"].append(3)
calls = lambda: own.zero_grad(1, 2), lambda: torch.optim.SGD._init_group(own), own.zero_grad
for wrong in calls:
    try:
        wrong()
    except (TypeError, AttributeError):
        print(traceback.format_exc())
print(inspect.signature(torch.optim.Optimizer.zero_grad), torch.optim.SGD._init_group.__name__)
torch.optim.SGD._init_group = lambda self, group, *args: print("replaced", torch.ones(1) + 1) or False
torch.optim.SGD([w], lr=0.1).step()
torch.optim.SGD.zero_grad = lambda self: print("replaced as well")
torch.optim.SGD([w], lr=0.1).zero_grad()
