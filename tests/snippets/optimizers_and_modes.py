"""Optimizers read their parameters beside the observer, but not beside modes and methods of the reader's."""
import torch
from torch.overrides import TorchFunctionMode


class Shown(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        print(getattr(func, "__name__", func))
        return func(*args, **(kwargs or {}))


w = torch.ones(2, requires_grad=True)
optimizer = torch.optim.Adam([w])
for _ in range(2):
    w.sum().backward()
    with Shown():
        optimizer.step()
        optimizer.zero_grad()


class Own(torch.optim.SGD):
    def zero_grad(self, set_to_none=True):
        print("own", set_to_none)
        super().zero_grad(set_to_none)

    def _init_group(self, group, *args):
        print("own group", (group["params"][0] * 2).sum().item())
        return super()._init_group(group, *args)


own = Own([w], lr=0.1, momentum=0.9)
w.sum().backward()
own.step()
own.zero_grad()
