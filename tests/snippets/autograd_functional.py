# jacobian, hessian, hvp and forward-mode duals.
import torch
import torch.autograd.forward_ad as fwAD
from torch.autograd.functional import hessian, hvp, jacobian, vjp

x = torch.tensor([1.0, 2.0, 3.0])


def f(t):
    return (t**3).sum()


print(jacobian(lambda t: t.exp(), x))
print(hessian(f, x))
print(hvp(f, x, torch.ones(3)))
print(vjp(lambda t: t * t, x, torch.ones(3)))
print(jacobian(lambda a, b: a * b, (x, x), vectorize=True))
with fwAD.dual_level():
    dual = fwAD.make_dual(x, torch.ones(3))
    out = dual.square()
    out.mul_(dual)
    view = out[1:]
    print(fwAD.unpack_dual(out), fwAD.unpack_dual(view).tangent)
    w = torch.nn.Parameter(torch.tensor(2.0))
    both = fwAD.unpack_dual(dual * w).tangent.sum()
    both.backward()
    print(w.grad)
print(fwAD.unpack_dual(x).tangent)
