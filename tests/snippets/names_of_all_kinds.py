# Names at the end: leaves, views, lists, attributes, modules in modules, deleted and rebound ones.
import torch
from torch import nn

a = b = torch.ones(2, requires_grad=True)
params = [torch.zeros(1, requires_grad=True), a]
nested = {"x": {"y": [a * 2]}, 3: a}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(2))
        self.layers = nn.ModuleDict({"first": nn.Linear(2, 1)})
        self.extra = nn.ParameterList([nn.Parameter(torch.ones(1))])
        self.plain = torch.ones(3)


model = Model()
other = model.layers
loss = model.layers["first"](model.w).sum() + model.extra[0] + params[0] + (a * nested["x"]["y"][0]).sum()
c = loss.detach()
del c
d = loss
params[0] = torch.ones(1, requires_grad=True)
model.w = nn.Parameter(torch.zeros(2))
loss.backward()
_private = a.grad
print(sorted(k for k in globals() if not k.startswith("__")))
print([n for n, _ in model.named_parameters()], model.w.grad)
