# A leaf that an in-place operator takes into a graph, and one that requires_grad_ makes late.
import torch

x = torch.ones(2, requires_grad=True)
buffer = torch.zeros(4)
view = buffer[1:3]
print(buffer.is_leaf, buffer.requires_grad)
view += x
print(buffer.is_leaf, buffer.grad_fn.name().split("::")[-1], view.grad_fn.name(), buffer._version)
buffer.copy_(torch.cat([x, x]))
print(buffer.grad_fn.name(), view.grad_fn.name())
h = (x * 2).detach().requires_grad_()
(h * buffer[:2]).sum().backward()
print(h.grad, x.grad)
t = torch.zeros(2)
t[:] = x
print(t.grad_fn.name())
u = torch.zeros(2)
u[0] = x[0]
print(u.grad_fn.name().split("::")[-1], u._version)
(t.sum() + u.sum()).backward()
print(x.grad)
