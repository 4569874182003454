# no_grad, enable_grad, set_grad_enabled, inference_mode: blocks, decorators, and nested.
import torch

x = torch.ones(2, requires_grad=True)
silent = torch.no_grad()(lambda t: t * 2)


@torch.inference_mode()
def inferred(t):
    return t * 3


@torch.enable_grad()
def loud(t):
    return t * 4


print(silent(x).requires_grad, inferred(x).is_inference(), torch.is_grad_enabled())
with torch.no_grad():
    y = x * 2
    with torch.enable_grad():
        z = x * 2
    print(y.requires_grad, z.requires_grad, loud(x).requires_grad, torch.is_grad_enabled())
    x += 1
with torch.set_grad_enabled(False):
    print((x * 1).grad_fn)
torch.set_grad_enabled(False)
print(x.exp().requires_grad)
torch.set_grad_enabled(True)
with torch.autograd.grad_mode.inference_mode(False), torch.no_grad():
    v = x[:1]
print(v.requires_grad, v.is_leaf, v._version, x._version)
try:
    v.mul_(2)
except RuntimeError as error:
    print(error)
(z.sum() + loud(x).sum()).backward()
print(x.grad)
