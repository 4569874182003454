# torch.compile without a compiler behind it.
import torch


@torch.compile(backend="eager")
def function(x):
    y = x * 2
    return y.sin() + 1


a = torch.ones(2, requires_grad=True)
function(a).sum().backward()
print(a.grad)
