# DLPack shares memory and not the counter.
import torch
from torch.utils.dlpack import from_dlpack, to_dlpack

x = torch.ones(3)
y = torch.from_dlpack(x)
z = from_dlpack(to_dlpack(x))
print(y.data_ptr() == x.data_ptr() == z.data_ptr(), x._version, y._version)
y.add_(1)
z.mul_(3)
print(x, x._version, y._version, z._version)
a = torch.tensor([0.5, 1.0], requires_grad=True)
out = a.tanh()
alias = torch.from_dlpack(out.detach())
alias.zero_()
out.sum().backward()
print(a.grad, out._version)
try:
    torch.from_dlpack(a)
except BufferError as error:
    print(error)
