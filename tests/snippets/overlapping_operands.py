# Operators that read what they write: tried once more on copies, which nobody is to notice.
import torch

torch.manual_seed(0)
a = torch.arange(34.0).reshape(2, 17)
a -= a[:, :1]
b = torch.rand(2, 16, requires_grad=True)
c = b * 1
c /= c[:, 1:2]
c.sum().backward()
d = torch.rand(3, 3)
torch.mul(d, d[:, :1], out=d)
d[:, 1:] = d[:, :2]
d.addcmul_(d[:, :1], d[:1])
d.lerp_(d[:, :1], 0.5)
d.bernoulli_(d[:, :1].expand(3, 3).clamp(0, 1))
print(a, b.grad, c, d)
print(a._version, c._version, d._version, torch.rand(2))
try:
    d[1:] += d[:-1]
except RuntimeError as error:
    print(error)
print(d, d._version)
