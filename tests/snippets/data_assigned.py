# `t.data = other` swaps the memory under a tensor and leaves its counter.
import torch

p = torch.ones(3, requires_grad=True)
q = p.detach()
y = p * p
p.data = torch.tensor([2.0, 3.0, 4.0])
print(p, p._version, q, q._version, p.is_leaf)
y.sum().backward()
print(p.grad)
q.add_(1)
print(p._version, q._version, p, q)
out = p.exp()
out.data = torch.zeros(3)
print(out, out.grad_fn.name(), out._version)
out.sum().backward()
print(p.grad)
p.data = torch.ones(2, 2)
print(p, p.shape)
try:
    p.data = torch.ones(2, dtype=torch.int64)
except RuntimeError as error:
    print(error)
p.grad = None
p.data.uniform_(0, 1, generator=torch.Generator().manual_seed(0))
print(p, p._version)
