# inspect finds the source of functions, classes and lambdas.
import inspect

import torch
from torch import nn


class Net(nn.Module):
    """A network."""

    def forward(self, x):
        # doubles
        return x * 2


def function(a, *, b=1):
    """Adds.

    Two lines more.
    """
    return a + b


print(inspect.getsource(function))
print(inspect.getsource(Net.forward))
print(inspect.getsource(Net))
print(inspect.getsourcelines(function)[1], inspect.getsourcefile(function).rpartition("/")[2], inspect.getdoc(Net))
print(function.__doc__, Net.__doc__, inspect.getcomments(function), inspect.getmodule(Net).__name__)
double = lambda v: v * 2
print(inspect.getsource(double))
scripted = torch.jit.script(function)
print(scripted(torch.ones(1), b=2), scripted.code)
print(torch.jit.trace(Net(), torch.ones(1)).code)
print(torch.fx.symbolic_trace(Net()).code)
