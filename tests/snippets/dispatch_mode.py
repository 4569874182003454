# A TorchDispatchMode of the reader's sees the aten operators of the snippet and no others.
import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Aten(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        print(func)
        return func(*args, **(kwargs or {}))


x = torch.arange(3.0, requires_grad=True)
m = torch.arange(6.0).reshape(2, 3)
n = torch.tensor([1 + 1j, 2.0])
with Aten():
    y = x.expand(2, 3) * m.t().t()
    z = y.t()[::2]
    d = y.data
    d.mul_(2)
    k = n.conj() * n.imag
    y.sum().backward()
    out = torch.nn.functional.layer_norm(y.detach(), (3,))
    array = out.numpy()
    array[0] = 0
    del z
    print(x.grad.shape)
aten = Aten()
aten.__enter__()
left = torch.ones(2) + 1
