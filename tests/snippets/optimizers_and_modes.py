"""Optimizers read their parameters beside the observer, but not beside modes and methods of the reader's."""
import inspect
import traceback

import torch
from torch.overrides import TorchFunctionMode

torch.manual_seed(0)
x, y = torch.randn(8, 3), torch.randn(8, 1)
for name in ("SGD", "Adam", "RMSprop", "Adagrad", "Adamax", "NAdam", "RAdam", "Rprop", "Adadelta", "ASGD"):
    for options in ({}, {"foreach": True}, {"maximize": True}):
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
        optimizer = getattr(torch.optim, name)(net.parameters(), lr=0.01, **options)
        for step in range(3):
            optimizer.zero_grad(set_to_none=step != 1)
            loss = (net(x) - y).pow(2).mean()
            loss.backward()
            optimizer.step()
        print(name, options, loss.item(), [p.grad.sum().item() for p in net.parameters()])
        optimizer.zero_grad()
        print([p.grad for p in net.parameters()], sorted(optimizer.state_dict()["state"].get(0, {})))


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
for wrong in (lambda: own.zero_grad(1, 2), lambda: torch.optim.SGD._init_group(own)):
    try:
        wrong()
    except TypeError as error:
        print(error)
own.param_groups[0]["params"].append(3)
try:
    own.zero_grad()
except AttributeError:
    print(traceback.format_exc().splitlines()[-1])
print(inspect.signature(torch.optim.Optimizer.zero_grad), torch.optim.SGD._init_group.__name__)
torch.optim.SGD._init_group = lambda self, group, *args: print("replaced", torch.ones(1) + 1) or False
torch.optim.SGD([w], lr=0.1).step()
torch.optim.SGD.zero_grad = lambda self: print("replaced as well")
torch.optim.SGD([w], lr=0.1).zero_grad()
