# FakeTensorMode: tensors that only pretend to have memory.
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

with FakeTensorMode() as mode:
    f = torch.ones(2, 3, requires_grad=True)
    g = f @ torch.ones(3, 2)
    print(f, g, g.grad_fn.name())
    g.sum().backward()
    print(f.grad)
    h = torch.zeros(4)
    h.add_(1)
    print(h._version, type(h).__name__)
real = torch.ones(2)
fake = mode.from_tensor(real)
print(fake, fake.shape)
real += 1
print(real)
