# In-place operators that autograd records: grad_fn changes, versions count, gradients hold.
import torch

w = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
y = w * 2
print(y.grad_fn.name(), y._version)
y += 1
print(y.grad_fn.name(), y._version)
y.mul_(w)
print(y.grad_fn.name(), y._version)
y[0] = 0
print(y.grad_fn.name().split("::")[-1], y._version)
y[1] *= 2
print(y.grad_fn.name().split("::")[-1], y._version, y.grad_fn.next_functions[0][0].name().split("::")[-1])
y.sum().backward()
print(w.grad, w._version)
