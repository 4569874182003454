# Writes through views rebase the history of the base and of other views.
import torch

x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
y = x * 1
head, tail = y[:2], y[2:]
matrix = y.view(2, 2)
column = matrix.t()[0]
print(head.grad_fn.name(), matrix.grad_fn.name(), column.grad_fn.name())
head.mul_(x[:2])
print(y.grad_fn.name().split("::")[-1], head.grad_fn.name(), tail.grad_fn.name(), y._version, tail._version)
column.zero_()
print(y, tail, column.grad_fn.name())
diagonal = matrix.diagonal()
diagonal += 1
print(y, y.grad_fn.name().split("::")[-1])
(y * y).sum().backward()
print(x.grad)
z = x.expand(2, 4)
w = torch.as_strided(x, (2, 2), (1, 1))
(z.sum() + (w * w).sum()).backward()
print(x.grad)
