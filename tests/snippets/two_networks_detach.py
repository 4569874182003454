# Network A feeds network B through detach(), then through detach_().
import torch
from torch import nn

torch.manual_seed(0)
A = nn.Linear(3, 2)
B = nn.Linear(2, 1)
x = torch.randn(4, 3)
loss = B(A(x).detach()).pow(2).sum()
loss.backward()
print(A.weight.grad, A.bias.grad)
print(B.weight.grad, B.bias.grad)
h = A(x)
print(h.grad_fn is not None)
h.detach_()
print(h.grad_fn, h.requires_grad, h.is_leaf)
B(h).sum().backward()
print(A.weight.grad, B.weight.grad)
