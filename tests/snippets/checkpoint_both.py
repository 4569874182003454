# Recomputation in backward, reentrant and not; the random numbers are the same again.
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

torch.manual_seed(0)
layer = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Tanh())
x = torch.ones(2, 3, requires_grad=True)
calls = []


def run(t):
    calls.append(torch.is_grad_enabled())
    h = layer(t)
    return h * h


for reentrant in (False, True):
    torch.manual_seed(5)
    x.grad = None
    y = checkpoint(run, x, use_reentrant=reentrant)
    print(y.grad_fn.name(), calls)
    y.sum().backward()
    print(x.grad, layer[0].weight.grad.sum(), calls)
    calls.clear()
plain = torch.ones(2, 3)
checkpoint(run, plain, use_reentrant=True)
try:
    checkpoint(run, plain, use_reentrant=True).sum().backward()
except RuntimeError as error:
    print(error)
out = checkpoint_sequential(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)), 2, x, use_reentrant=False)
out.sum().backward()
print(out.shape, len(calls))
checkpoint(run, x)
