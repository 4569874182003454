# .data, .detach(), detach_(): who shares memory, counter and graph with whom.
import torch

x = torch.ones(3, requires_grad=True)
y = x * 2
d, e = y.data, y.detach()
print(d.data_ptr() == y.data_ptr(), e.data_ptr() == y.data_ptr(), d._is_view(), e._is_view())
d.add_(1)
print(y, y._version, d._version, e._version)
e.add_(1)
print(y, y._version, d._version, e._version)
print(y.grad_fn.name(), d.grad_fn, e.grad_fn, d.requires_grad, e.is_leaf)
k = x.data.data.detach().data
k[0] = 5
print(x, x._version, k._version)
v = y[:2]
try:
    v.detach_()
except RuntimeError as error:
    print(error)
y.detach_().mul_(0)
print(y, y.requires_grad, y._version, y.grad_fn, v.grad_fn.name())
w = x.exp()
u = w * 2
w.detach_()
u.sum().backward()
print(x.grad)
p = torch.nn.Parameter(x)
print(p.is_leaf, p._version, p.data_ptr() == x.data_ptr())
p.data.fill_(2)
print(x)
