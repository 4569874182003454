# A TorchFunctionMode of the reader's sees the calls that it would see without us.
import torch
from torch.overrides import TorchFunctionMode


class Watch(TorchFunctionMode):
    def __init__(self, name):
        super().__init__()
        self.name = name

    def __torch_function__(self, func, types, args=(), kwargs=None):
        print(self.name, getattr(func, "__name__", func), len(args), sorted(kwargs or {}), kwargs is None)
        return func(*args, **(kwargs or {}))


x = torch.ones(2, requires_grad=True)
with Watch("outer"):
    y = x * 2
    with Watch("inner"):
        z = torch.nn.functional.dropout(y, 0.0)
        z.data
        z.shape
    linear = torch.nn.Linear(2, 2)
    linear(y).sum().backward()
    x.grad
    y[0]
    print(torch.zeros(1))
watch = Watch("left on")
watch.__enter__()
torch.ones(1)
