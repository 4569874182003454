# Nested tensors, strided and jagged.
import warnings

import torch

warnings.simplefilter("ignore")
a = torch.ones(2, 3, requires_grad=True)
b = torch.ones(1, 3)
n = torch.nested.nested_tensor([a.detach(), b])
print(n.is_nested, n.size(0), n.dim(), n._version)
m = n * 2
print([t.sum().item() for t in m.unbind()], m.requires_grad)
j = torch.nested.as_nested_tensor([a, b], layout=torch.jagged)
k = (j * 3).sin()
print(k.layout, k.requires_grad, type(k).__name__, k.values().shape)
k.values().sum().backward()
print(a.grad)
padded = torch.nested.to_padded_tensor(n, 0.0)
print(padded)
