# Reading, writing and deleting .grad.
import torch

x = torch.ones(2, requires_grad=True)
print(x.grad)
(x * 3).sum().backward()
g = x.grad
x.grad = None
print(g, x.grad)
x.grad = torch.tensor([5.0, 6.0])
(x * 1).sum().backward()
print(x.grad, x.grad._version)
x.grad *= 2
x.grad[0] = 0
print(x.grad, x.grad._version, x.grad.requires_grad)
del x.grad
print(x.grad)
y = x.exp()
y.retain_grad()
y.retain_grad()
z = y * 2
z.sum().backward(inputs=[y])
print(y.grad, x.grad, z.grad is None, y.retains_grad)
x.grad = x.data
x.grad.zero_()
print(x)
y.grad.data.fill_(7)
print(y.grad)
w = torch.ones(2, 2, requires_grad=True)
v = w[0]
v.retain_grad()
v.sum().backward()
print(v.grad, w.grad, w.grad._is_view())
