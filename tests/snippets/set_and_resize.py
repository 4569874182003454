# set_, resize_, transposes in place: geometry and memory move under one tensor.
import torch

x = torch.arange(6.0)
print(x.resize_(2, 3), x._version)
x.t_()
print(x, x._version, x.stride())
x.unsqueeze_(0).squeeze_().transpose_(0, 1)
print(x.shape, x._version)
y = torch.zeros(4)
v = y[1:3]
y.set_(torch.full((5,), 7.0))
print(y, y._version, v, v._version)
y.set_(x.untyped_storage(), 1, (2, 2), (2, 1))
y.fill_(-1)
print(x, x._version, y._version)
a = torch.tensor([1.0, 2.0], requires_grad=True)
out = a.exp()
out.detach().set_(torch.zeros(2))
print(out, out._version)
try:
    out.sum().backward()
except RuntimeError as error:
    print(str(error)[:90])
b = torch.ones(2)
b.as_strided_((1,), (1,), 1)
print(b, b._version)
b.resize_(0)
print(b, b.untyped_storage().nbytes())
b.resize_as_(torch.ones(1))
print(b.shape)
