# Writes through storages and raw memory, below every counter.
import ctypes

import torch

a = torch.tensor([1.0, 2.0], requires_grad=True)
out = a.exp()
out.untyped_storage().fill_(0)
print(out, out._version)
out.sum().backward()
print(a.grad)
x = torch.zeros(3)
ctypes.c_float.from_address(x.data_ptr() + 4).value = 2.5
print(x, x._version)
x.untyped_storage()[0] = 1
print(x)
y = torch.ones(3)
y.untyped_storage().copy_(x.untyped_storage())
print(y, y._version, len(y.untyped_storage()), y.untyped_storage().tolist()[:8])
s = y.untyped_storage()
del y
print(s.nbytes(), bytes(s.tolist())[4:8])
