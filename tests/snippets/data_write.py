# A write through `.data` moves no counter that backward looks at: a wrong gradient, in silence.
import torch

a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
out = a.sigmoid()
c = out.data
c.zero_()
print(out._version, c._version)
out.sum().backward()
print(a.grad)
