# bfloat16, float16, float8, autocast and default dtypes.
import torch

x = torch.tensor([1.0, 2.5, -3.0], dtype=torch.bfloat16, requires_grad=True)
y = (x * x).sum()
y.backward()
print(y, x.grad, x.grad.dtype)
h = torch.tensor([0.1, 0.2], dtype=torch.float16)
h += 1
print(h, h._version, h.float())
f = torch.tensor([0.5, 1.5]).to(torch.float8_e4m3fn)
print(f, f.float())
w = torch.randn(3, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
with torch.autocast("cpu", dtype=torch.bfloat16):
    z = w @ w
    s = z.float().sum()
s.backward()
print(z.dtype, z.grad_fn.name(), w.grad.dtype, w.grad)
torch.set_default_dtype(torch.float64)
d = torch.ones(2, requires_grad=True)
(d * 0.1).sum().backward()
print(d.dtype, d.grad, torch.get_default_dtype())
print(torch.tensor([1.0]).dtype, torch.promote_types(torch.int8, torch.float16), torch.finfo(torch.bfloat16).eps)
