# Tensors that take no gradient, and values that are not finite.
import torch

i = torch.arange(5)
b = i > 2
i[b] = 0
i += b
print(i, b, i._version, b.dtype, i.dtype, (i / 2).dtype, i // 2, i % 3)
u = torch.tensor([250, 10], dtype=torch.uint8)
u += 10
print(u, torch.tensor([1, 2], dtype=torch.int16) * 300)
print(b.any(), b.all(), ~b, b & (i == 0), b.sum(), b.nonzero())
w = torch.tensor([0.0, -1.0, float("inf"), float("nan"), -0.0], requires_grad=True)
y = torch.where(w > 0, w.sqrt(), w / w)
y.sum().backward()
print(y, w.grad)
n = torch.zeros(2, requires_grad=True)
n.norm().backward()
print(n.grad, torch.sqrt((n * n).sum()).item())
a = torch.tensor(5)
print(int(a), float(a), bool(a), a.item(), [0] * a, range(a), f"{a:>4}", hash(torch.tensor(1)) is not None)
e = torch.zeros(0, 3, requires_grad=True)
e.sum().backward()
print(e, e.grad, e.grad.shape)
print(torch.tensor([2**62, -(2**63)]), torch.iinfo(torch.int64).max, torch.tensor(True) + True)
