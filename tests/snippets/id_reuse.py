# Tensors that come and go at the same addresses are not mistaken for one another.
import torch

seen = set()
x = torch.ones(2, requires_grad=True)
for i in range(50):
    t = torch.full((2,), float(i))
    seen.add(id(t))
    y = x * t
    v = y.detach()
    v.add_(1)
    del t, v
print(len(seen) <= 50, y._version)
try:
    y.sum().backward()
    print(x.grad)
except RuntimeError as error:
    print(error)
for i in range(5):
    outs = [x * i]
    outs[0] = outs[0] + 1
    pair = {"a": outs[0]}
    pair["a"] = pair["a"] * 2
sum(o.sum() for o in outs).backward()
print(x.grad, pair["a"])
