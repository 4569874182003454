# Methods of torch that the snippet replaces stay replaced, and nobody else calls them.
import builtins

import torch

original = torch.Tensor.detach


def detach(self):
    print("detach called")
    return original(self)


torch.Tensor.detach = detach
torch.Tensor.is_neg = lambda self: print("is_neg called") or False
torch.Tensor.is_conj = lambda self: print("is_conj called") or False
torch.Tensor.tolist = lambda self: print("tolist called") or []
torch.Tensor.__hash__ = lambda self: print("hash called") or 1
torch.Tensor.__eq__ = lambda self, other: print("eq called") or False
torch.Tensor.__len__ = lambda self: print("len called") or 0
x = torch.ones(3, requires_grad=True)
y = x.expand(2, 3).t() * 2
z = y * y
z.sum().backward()
print(x.grad)
d = y.detach()
torch.Tensor.foo = property(lambda self: self.shape)
print(x.foo, d.shape)
print = lambda *values: builtins.print("mine:", *values)
print(1)
len = sum = list = isinstance = id = None
w = x * 2
print(w)
